// The client control: the program beside the card reader of this computer, through which pages use an electronic key.
// It is asked only when somebody is about to use a key, and watched only while a page that shows it is in sight.
import { computed, reactive } from 'vue'
import { t, w } from './i18n.js'

const PORT = 17530
const STORE = 'ekey.secret', STORE_PORT = 'ekey.port'
const PAUSE = 3000 // milliseconds until what did not answer is asked again

/** The port on this computer: of the control's own settings, where somebody had to choose another. */
export const port = () => Number(localStorage.getItem(STORE_PORT)) || PORT
const address = path => `http://127.0.0.1:${port()}${path}`

/** code: a code of the control's, or: absent, denied (by the browser), foreign (it does not know this portal). */
export class KeyProblem extends Error {
  constructor(code, { tries, message } = {}) {
    const key = 'ekey.code.' + code, words = t(key, { tries })
    super(words === key ? w(message) || t('ekey.code.unknown') : words)
    Object.assign(this, { code, tries })
  }
}

/** phase: looking, absent, denied, foreign, not_paired, ready. pin: who asks for it, the control (prompt) or the page. */
export const control = reactive({ phase: 'looking', readers: [], change: 0, pin: 'prompt' })
export const keys = computed(() => control.readers.filter(reader => reader.key).map(reader => ({ ...reader.key, reader: reader.name })))
/** What there is to say before a key can be used: a phase, no_reader, no_key, unknown_card, several, or one. */
export const situation = computed(() => {
  if (control.phase !== 'ready') return control.phase
  if (keys.value.length) return keys.value.length > 1 ? 'several' : 'one'
  return !control.readers.length ? 'no_reader' : control.readers.some(reader => reader.present) ? 'unknown_card' : 'no_key'
})
export const certificateOf = (key, slot) => key?.certificates.find(item => item.slot === slot) || null

/* ---- calls */

/** What the browser thinks of pages that speak with programs of this computer; two names, by its version. */
async function permission() {
  for (const name of ['loopback-network', 'local-network-access']) {
    try { return (await navigator.permissions.query({ name })).state } catch { /* not known under this name */ }
  }
  return ''
}

/** A call that came to nothing: why. What answers no-cors alone runs, but gives this portal nothing. */
async function silence() {
  if (await permission() === 'denied') return 'denied'
  try {
    await fetch(address('/state'), { mode: 'no-cors', cache: 'no-store' })
    return 'foreign'
  } catch { return 'absent' }
}

async function call(method, path, body, signal) {
  const headers = { Authorization: `Bearer ${localStorage.getItem(STORE) || ''}` }
  if (body) headers['Content-Type'] = 'application/json'
  let response
  try {
    response = await fetch(address(path), { method, headers, body: body && JSON.stringify(body), signal, cache: 'no-store', credentials: 'omit' })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw note(new KeyProblem(await silence()))
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => ({}))
  if (response.ok) return answer
  throw note(new KeyProblem(response.status === 401 ? 'not_paired' : answer.code || 'unknown', answer))
}

/** What a problem says about the state of things. */
function note(problem) {
  if (['absent', 'denied', 'foreign', 'not_paired'].includes(problem.code)) Object.assign(control, { phase: problem.code, readers: [], change: 0 })
  return problem
}

/* ---- watching */

let watchers = 0, stop = null, wake = () => {}

const shown = () => new Promise(resolve => (document.hidden ? document.addEventListener('visibilitychange', resolve, { once: true }) : resolve()))
const pause = () => new Promise(resolve => { wake = resolve; setTimeout(resolve, PAUSE) })

async function follow(signal) {
  while (!signal.aborted) {
    await shown()
    try {
      const known = control.phase === 'ready'
      const answer = await call('GET', known ? `/changes?after=${control.change}` : '/state', undefined, signal)
      Object.assign(control, { phase: 'ready', readers: answer.readers, change: answer.change, pin: answer.pin || control.pin })
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof KeyProblem) note(error)
      await pause()
    }
  }
}

/** Keeps `control` true to life until the function that it returns is called. */
export function watchControl() {
  if (!watchers++) {
    control.phase = 'looking'
    stop = new AbortController()
    follow(stop.signal)
  }
  return () => { if (!--watchers) { stop.abort(); wake() } }
}
/** Looks again at once instead of after a while. */
export const lookAgain = () => wake()

export function usePort(number) {
  if (number && number !== PORT) localStorage.setItem(STORE_PORT, String(number))
  else localStorage.removeItem(STORE_PORT)
  lookAgain()
}

/* ---- what can be asked of it; each throws a KeyProblem. credentials: {key, pin?, last_try?} */

export async function pair() {
  localStorage.setItem(STORE, (await call('POST', '/pair', {})).secret)
  control.phase = 'looking'
  lookAgain()
}
export const signChallenge = async (credentials, use, challenge) => (await call('POST', '/challenge', { ...credentials, use, challenge })).signatures
export const openBatch = async (credentials, documents) => (await call('POST', '/batches', { ...credentials, documents })).batch
export const signDocument = async (batch, { signed_info, document }) => (await call('POST', `/batches/${batch}/sign`, { signed_info, document })).signature
export const closeBatch = batch => call('DELETE', `/batches/${batch}`).catch(() => {}) // it ends by itself, too
/** Without `old` and `next` the control asks for them. */
export const changePin = ({ key, pin }, next) => call('POST', '/pin', { key, ...(pin ? { old: pin, new: next } : {}) })
