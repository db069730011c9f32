// Prints the demo owner's present code: an authenticator app for those who have none at hand.
import fs from 'node:fs'
import path from 'node:path'
import { Secret, TOTP } from 'otpauth'
import { ROOT } from '../lib/paths.mjs'

const dataDir = process.env.GATEHOUSE_DATA_DIR ?? path.join(ROOT, '.gatehouse-demo')
const { secret } = JSON.parse(fs.readFileSync(path.join(dataDir, 'demo.json'), 'utf8'))
process.stdout.write(`${new TOTP({ secret: Secret.fromBase32(secret) }).generate()}\n`)
