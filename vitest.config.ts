import { defineConfig } from 'vitest/config'

// `server-only` throws unless resolved as a server component would resolve it. Vitest hands these conditions to its
// workers' require() too: naming `import` or `module` here would load the wrong half of CommonJS packages.
const conditions = ['react-server', 'node']

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '.next/**', '.gatehouse*/**', 'e2e/**', 'interop/**'],
    environment: 'node',
    pool: 'forks',
    // The default leaves one core idle, half of a small machine.
    maxWorkers: '100%',
    globalSetup: ['./scripts/lib/vitest-postgres.ts'],
    env: { NODE_ENV: 'test', TZ: 'America/St_Johns' },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    restoreMocks: true,
  },
})
