import 'server-only'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import webpush from 'web-push'
import { z } from 'zod'
import { readEnv } from '#server/kernel/env.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { writeOnce } from '#server/kernel/write-once.ts'

const keysSchema = z.object({ publicKey: z.string(), privateKey: z.string() })

/** What a push service is told of us (RFC 8292): whom to reach, and the key that the browser's subscription is bound to. */
export type Vapid = z.output<typeof keysSchema> & { contact: string }

/** Null unless the operator has set GATEHOUSE_PUSH_CONTACT. The keys are made once and stay in the data directory. */
export function vapid(): Vapid | null {
  const contact = readEnv().pushContact
  return contact ? { ...keys(), contact } : null
}

export function vapidPublicKey(): string | null {
  return vapid()?.publicKey ?? null
}

function keys(): z.output<typeof keysSchema> {
  const file = join(runtime().dataDir, 'keys', 'vapid.json')
  const kept = read(file)
  if (kept) return kept
  // Of two processes that make them at once both take those that were linked first.
  writeOnce(file, JSON.stringify(webpush.generateVAPIDKeys()))
  return keysSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
}

function read(file: string): z.output<typeof keysSchema> | null {
  try {
    return keysSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null
    throw error
  }
}
