// Who is signed in. Everything else about rights is the server's business: pages only hide what cannot work.
import { computed, reactive } from 'vue'
import { get, post, remove, setCsrf, watchSession } from './api.js'

export const session = reactive({ loaded: false, problem: null, signed_in: false, demo: false, portal: null, user: null, enterprise: null,
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
  return take(await post('/account/session', entry, { quiet: true }))
}

export async function signOut(everywhere) {
  session.expired = false
  await remove(everywhere ? '/account/sessions' : '/account/session', { quiet: true }).catch(() => {})
  return loadSession()
}

watchSession(loadSession, () => { if (session.signed_in) session.expired = true })

export const user = computed(() => session.user || {})
export const isApplicant = computed(() => ['enterprise', 'person'].includes(user.value.kind))
export const isOfficer = computed(() => user.value.kind === 'officer')
export const isAdministrator = computed(() => user.value.kind === 'administrator')
export const has = (module, right) => !!session.user?.rights?.[module]?.includes(right)

/** The business date: the server's word when it gives one, else today in Shanghai. */
export const today = () => session.today || new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(new Date())
