import { localCipher } from '#agent/core/cipher.ts'
import { openSqliteQueue } from '#agent/node/sqlite-queue.ts'

// Appends until it is killed, and says each number only once it is durable. Arguments: directory, key in hex, name.
const [directory = '', key = '', name = ''] = process.argv.slice(2)
const raw = new Uint8Array(Buffer.from(key, 'hex'))
const cipher = localCipher(await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']))
const queue = openSqliteQueue(directory, cipher)
for (let i = 0; ; i++) {
  const seq = await queue.append((number) => JSON.stringify({ seq: number, name, i }))
  process.stdout.write(`${seq} ${name} ${i}\n`)
}
