const SEVERITY = ['trace', 'debug', 'info', 'warn', 'error', 'fatal']

/**
 * Where log lines go. Piped or with LOG_LEVEL set: JSON, one object a line, those of our processes as they are. On a
 * terminal: only what needs attention, readable.
 */
export function createLogSink({ stream = process.stdout, isHuman, level = 'info' }) {
  const threshold = SEVERITY.indexOf(isHuman ? 'warn' : level)
  const isShown = (severity) => threshold >= 0 && SEVERITY.indexOf(severity) >= threshold

  function write(entry, line) {
    if (!isShown(entry.level)) return
    stream.write(isHuman ? `${readable(entry)}\n` : `${line ?? JSON.stringify(entry)}\n`)
  }

  return {
    /** A line some process printed: JSON passes, anything else is wrapped. */
    pass(component, text, fallbackLevel = 'info') {
      if (text.trim() === '') return
      const entry = parseEntry(text)
      if (entry) write(entry, text)
      else write({ level: fallbackLevel, time: new Date().toISOString(), component, msg: text })
    },
    log(level, msg, fields = {}) {
      write({ level, time: new Date().toISOString(), component: 'supervisor', ...fields, msg })
    },
  }
}

/** The severity PostgreSQL puts before its lines, in our terms. An ERROR is one statement's: whoever sent it reports it. */
export function postgresLevel(line) {
  const word = /^([A-Z]+\d?): /.exec(line)?.[1]
  if (word === 'FATAL') return 'error'
  if (word === 'PANIC') return 'fatal'
  return word === 'WARNING' ? 'warn' : 'debug'
}

function parseEntry(text) {
  if (!text.startsWith('{')) return undefined
  try {
    const entry = JSON.parse(text)
    return typeof entry.level === 'string' ? entry : undefined
  } catch {
    return undefined
  }
}

function readable({ level, component, msg, err }) {
  const cause = err?.message && !msg?.includes(err.message) ? `: ${err.message}` : ''
  return `${level.padEnd(5)} ${component ?? ''}  ${msg ?? ''}${cause}`
}
