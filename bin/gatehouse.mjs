#!/usr/bin/env node
import { runEntry } from '../scripts/lib/prepare.mjs'
import { fail } from '../scripts/lib/say.mjs'

runEntry('cli/main.ts').catch(fail)
