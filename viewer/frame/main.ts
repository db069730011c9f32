import { ASSETS_PATH } from '../protocol.ts'
import { meetParent } from './meeting.ts'
import { startViewer } from './viewer.ts'

// The document has no origin of its own; that of its script is the console's.
const { src } = document.currentScript as HTMLScriptElement
const { origin } = new URL(src)

meetParent(origin, (settings, port) => startViewer({ settings, port, assets: `${origin}${ASSETS_PATH}` }))
