// A key in a page: which one, its PIN for one attempt, and what the last attempt said.
import { computed, onScopeDispose, reactive, watch } from 'vue'
import { control, KeyProblem, keys, watchControl } from '../ekey.js'
import { t } from '../i18n.js'

/** watched: false where no key can be used anyhow: then the control is left alone. */
export function useKey(watched = true) {
  const entry = reactive({ key: '', pin: '', sure: false, problem: '', wrong: '', tries: null, busy: false })
  const chosen = computed(() => keys.value.find(key => key.id === entry.key) || null)
  const tries = computed(() => entry.tries ?? chosen.value?.pin_tries ?? null)
  const blocked = computed(() => tries.value === 0)
  const asked = computed(() => control.pin === 'page') // for the PIN, here
  if (watched) onScopeDispose(watchControl())

  // one key alone is chosen already; one that was pulled is chosen no more
  watch(keys, list => { if (!chosen.value) entry.key = list.length === 1 ? list[0].id : '' }, { immediate: true })
  watch(() => entry.key, () => Object.assign(entry, { pin: '', sure: false, problem: '', wrong: '', tries: null }))

  function ready() {
    entry.problem = chosen.value ? '' : t('ekey.choose_first')
    entry.wrong = !asked.value || /^\d{6,8}$/.test(entry.pin) ? '' : t(entry.pin ? 'ekey.code.pin_format' : 'ekey.pin_missing')
    if (!entry.problem && tries.value === 1 && !entry.sure) entry.problem = t('ekey.last_try_tick')
    return !entry.problem && !entry.wrong && !blocked.value
  }

  function take(problem) {
    const { code } = problem
    if (code === 'no_prompt') control.pin = 'page'
    if (code === 'wrong_pin') entry.tries = problem.tries
    // of these two the page speaks by itself
    if (code === 'pin_blocked') entry.tries = 0
    else if (code === 'last_try') entry.tries = 1
    else if (asked.value && ['wrong_pin', 'pin_format', 'default_pin'].includes(code)) entry.wrong = problem.message
    else entry.problem = problem.message
  }

  /** Lets `call({key, pin?, last_try?})` try once; true when it went well, otherwise the entry says what is wrong. */
  async function attempt(call) {
    if (entry.busy || !ready()) return false
    entry.busy = true
    const { key, pin } = entry
    try {
      await call({ key, ...(asked.value ? { pin } : {}), ...(tries.value === 1 ? { last_try: true } : {}) })
      entry.tries = Infinity // all of them again; how many the card has is no matter
      return true
    } catch (problem) {
      if (problem instanceof KeyProblem) take(problem)
      else entry.problem = problem.message
      return false
    } finally { Object.assign(entry, { busy: false, pin: '', sure: false }) }
  }
  return { entry, chosen, tries, blocked, asked, attempt }
}
