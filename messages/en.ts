import actions from './en/actions.json' with { type: 'json' }
import audit from './en/audit.json' with { type: 'json' }
import auth from './en/auth.json' with { type: 'json' }
import common from './en/common.json' with { type: 'json' }
import devices from './en/devices.json' with { type: 'json' }
import errors from './en/errors.json' with { type: 'json' }
import exports from './en/exports.json' with { type: 'json' }
import files from './en/files.json' with { type: 'json' }
import imports from './en/imports.json' with { type: 'json' }
import keeping from './en/keeping.json' with { type: 'json' }
import keys from './en/keys.json' with { type: 'json' }
import names from './en/names.json' with { type: 'json' }
import overview from './en/overview.json' with { type: 'json' }
import people from './en/people.json' with { type: 'json' }
import policies from './en/policies.json' with { type: 'json' }
import settings from './en/settings.json' with { type: 'json' }
import setup from './en/setup.json' with { type: 'json' }
import shell from './en/shell.json' with { type: 'json' }
import trust from './en/trust.json' with { type: 'json' }
import whoSaw from './en/whoSaw.json' with { type: 'json' }
import wipe from './en/wipe.json' with { type: 'json' }
import workspace from './en/workspace.json' with { type: 'json' }

/** Every message of the console in English, by area: the file's name is the first part of the key. */
export const messages = {
  common,
  shell,
  auth,
  overview,
  people,
  devices,
  wipe,
  files,
  whoSaw,
  policies,
  audit,
  names,
  imports,
  exports,
  trust,
  keeping,
  keys,
  settings,
  setup,
  errors,
  actions,
  workspace,
}

export type Area = keyof typeof messages
