#!/usr/bin/env node
import { runEntry } from '../scripts/lib/prepare.mjs'
import { fail } from '../scripts/lib/say.mjs'

runEntry('agent/node/main.ts').catch(fail)
