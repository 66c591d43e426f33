// Changes that happen elsewhere: pages say what concerns them and are told when to look again.
import { onBeforeUnmount, watch } from 'vue'
import { isApplicant, isOfficer, session } from '../session.js'
import { openStream } from './stream.js'

const GATHER = 120   // milliseconds: changes of a batch come together
const SPREAD = 250   // not every page asks at the same moment
const BETWEEN = 2000 // a page that has just looked waits so long

const listeners = new Set()
const tell = change => { for (const call of listeners) call(change) }
const listener = () => (session.signed_in && !session.expired && (isApplicant.value || isOfficer.value) ? String(session.user.id) : '')

/** One stream for all tabs where the browser has shared workers, else one for this tab. */
function start() {
  if (typeof SharedWorker === 'undefined') {
    let stop = null
    watch(listener, user => { stop?.(); stop = user ? openStream('/api/exchange/live', tell) : null }, { immediate: true })
    return
  }
  const { port } = new SharedWorker(new URL('./worker.js', import.meta.url), { name: 'live' })
  port.onmessage = ({ data }) => tell(data)
  watch(listener, user => port.postMessage({ user }), { immediate: true })
  addEventListener('pagehide', () => port.postMessage({ gone: true }))
  addEventListener('pageshow', event => { if (event.persisted) port.postMessage({ user: listener() }) })
}
let started = false

/** While the component stands: look(changes) is called soon after changes for which concerns(change) holds, and with none when some may
    have been missed; not while nobody sees the page, then once when somebody does. */
export function useLive(concerns, look) {
  let changes = [], due = false, timer = 0, last = 0

  function run() {
    timer = 0
    if (document.hidden) return
    const taken = changes
    changes = []
    due = false
    last = Date.now()
    look(taken)
  }
  function hear(change) {
    if (!change.missed && !concerns(change)) return
    if (!change.missed) changes.push(change)
    due = true
    if (!timer && !document.hidden) timer = setTimeout(run, Math.max(GATHER + Math.random() * SPREAD, last + BETWEEN - Date.now()))
  }
  const seen = () => { if (due && !timer && !document.hidden) run() }
  if (!started) start()
  started = true
  listeners.add(hear)
  document.addEventListener('visibilitychange', seen)
  onBeforeUnmount(() => {
    clearTimeout(timer)
    listeners.delete(hear)
    document.removeEventListener('visibilitychange', seen)
  })
}
