// The stream of changes (server-sent events): opened again before the server ends it, and after an interruption with growing pauses.
const RENEW = 40000      // milliseconds; the server ends a stream after 45 to 50 s
const FIRST_PAUSE = 500
const LAST_PAUSE = 60000
const REMEMBERED = 200   // ids, for while two streams overlap

/** tell(change) is called for each change once, tell({ missed: true }) when some may have been missed. Returns what stops it. */
export function openStream(address, tell) {
  const ids = []
  let current = null, next = null, timer = 0, pause = FIRST_PAUSE, interrupted = false, stopped = false

  const later = (call, milliseconds) => { clearTimeout(timer); timer = setTimeout(call, milliseconds) }
  function take({ data }) {
    const change = JSON.parse(data)
    if (ids.includes(change.id)) return
    ids.push(change.id)
    if (ids.length > REMEMBERED) ids.shift()
    tell(change)
  }
  function connect() {
    const source = next = new EventSource(address)
    source.onmessage = take
    source.onopen = () => {
      if (source === current) return
      current?.close()
      current = source
      next = null
      pause = FIRST_PAUSE
      if (interrupted) tell({ missed: true })
      interrupted = false
      later(connect, RENEW)
    }
    source.onerror = () => {
      source.close()
      if (stopped || (source !== current && source !== next)) return
      current?.close()
      next?.close()
      current = next = null
      interrupted = true
      later(connect, pause * (0.75 + Math.random() / 2))
      pause = Math.min(pause * 2, LAST_PAUSE)
    }
  }
  connect()
  return () => {
    stopped = true
    clearTimeout(timer)
    current?.close()
    next?.close()
  }
}
