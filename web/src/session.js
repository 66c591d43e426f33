// Who is signed in. Everything else about rights is the server's business: pages only hide what cannot work.
import { computed, reactive, ref } from 'vue'
import { get, post, remove, setCsrf, watchSession } from './api.js'

export const session = reactive({ loaded: false, problem: null, signed_in: false, demo: false, ekey: '', sign_out_on_removal: false, portal: null, user: null, enterprise: null,
  agency: null, today: '', expired: false })

const absent = { signed_in: false, demo: false, portal: null, user: null, enterprise: null, agency: null, today: '' }

function take(answer) {
  setCsrf(answer.csrf)
  // the session ran out under open work: who worked here is remembered until somebody signs in or leaves
  if (session.expired && !answer.signed_in) return session
  Object.assign(session, absent, answer, { loaded: true, problem: null, expired: false })
  return session
}

export async function loadSession() {
  try {
    return take(await get('/account/session', null, { quiet: true }))
  } catch (problem) {
    session.loaded = true
    session.problem = problem
    return session
  }
}

export async function signIn(entry) {
  rememberCard(null)
  return take(await post('/account/session', entry, { quiet: true }))
}

/** By an electronic key: sign(challenge) has it signed; valid_to: until when its certificate holds. */
export async function signInByKey({ key, valid_to }, sign) {
  const { challenge } = await post('/account/session/challenge', {}, { quiet: true })
  const answer = take(await post('/account/session/key', { challenge, signature: await sign(challenge) }, { quiet: true }))
  rememberCard({ user: answer.user.id, key, valid_to })
  return answer
}

export async function signOut(everywhere) {
  session.expired = false
  rememberCard(null)
  await remove(everywhere ? '/account/sessions' : '/account/session', { quiet: true }).catch(() => {})
  return loadSession()
}

// who signed in by a key, in all tabs of this browser: the key's validity is shown, and pulling it may end the session
const CARD = 'ekey.card'
const readCard = () => { try { return JSON.parse(localStorage.getItem(CARD)) } catch { return null } }
const remembered = ref(readCard())
addEventListener('storage', event => { if (event.key === CARD) remembered.value = readCard() })
function rememberCard(next) {
  remembered.value = next
  if (next) localStorage.setItem(CARD, JSON.stringify(next))
  else localStorage.removeItem(CARD)
}
/** The key with which the one who is signed in came in, or null. */
export const card = computed(() => (session.signed_in && remembered.value?.user === session.user?.id ? remembered.value : null))

watchSession(loadSession, () => { if (session.signed_in) session.expired = true })

export const user = computed(() => session.user || {})
export const isApplicant = computed(() => ['enterprise', 'person'].includes(user.value.kind))
export const isOfficer = computed(() => user.value.kind === 'officer')
export const isAdministrator = computed(() => user.value.kind === 'administrator')
export const has = (module, right) => !!session.user?.rights?.[module]?.includes(right)

/** The business date: the server's word when it gives one, else today in Shanghai. */
export const today = () => session.today || new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(new Date())
