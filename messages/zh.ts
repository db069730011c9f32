import actions from './zh/actions.json' with { type: 'json' }
import audit from './zh/audit.json' with { type: 'json' }
import auth from './zh/auth.json' with { type: 'json' }
import common from './zh/common.json' with { type: 'json' }
import devices from './zh/devices.json' with { type: 'json' }
import errors from './zh/errors.json' with { type: 'json' }
import exports from './zh/exports.json' with { type: 'json' }
import files from './zh/files.json' with { type: 'json' }
import imports from './zh/imports.json' with { type: 'json' }
import keeping from './zh/keeping.json' with { type: 'json' }
import keys from './zh/keys.json' with { type: 'json' }
import names from './zh/names.json' with { type: 'json' }
import overview from './zh/overview.json' with { type: 'json' }
import people from './zh/people.json' with { type: 'json' }
import policies from './zh/policies.json' with { type: 'json' }
import settings from './zh/settings.json' with { type: 'json' }
import setup from './zh/setup.json' with { type: 'json' }
import shell from './zh/shell.json' with { type: 'json' }
import trust from './zh/trust.json' with { type: 'json' }
import whoSaw from './zh/whoSaw.json' with { type: 'json' }
import wipe from './zh/wipe.json' with { type: 'json' }
import workspace from './zh/workspace.json' with { type: 'json' }

/** Every message of the console in Simplified Chinese, by area: the file's name is the first part of the key. */
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
