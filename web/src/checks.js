// Quick answers while typing on the portal's own pages; the server decides.
import { nextTick } from 'vue'
import { t } from './i18n.js'

export const rules = {
  required: value => (value ? '' : t('field.missing')),
  user_name: value => (/^[A-Za-z][A-Za-z0-9_.-]{3,31}$/.test(value) ? '' : t('field.user_name')),
  password: value => (value.length >= 10 && value.length <= 128 ? '' : t('field.password')),
  mobile: value => (/^1[3-9]\d{9}$/.test(value) ? '' : t('field.mobile')),
  email: value => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? '' : t('field.email')),
  uscc: value => (/^[0-9A-HJ-NP-RT-UW-Y]{18}$/i.test(value) ? '' : t('field.uscc')),
  enterprise_code: value => (/^\d{4}[0-9A-Z]{9}$/i.test(value) ? '' : t('field.enterprise_code')),
  phone: value => (/^[\d+() -]{5,30}$/.test(value) ? '' : t('field.phone'))
}

/** What is wrong with an entry: {field: words}. checks: {field: [rule names]}; a field without "required" may be empty. */
export function wrongIn(entry, checks) {
  const wrong = {}
  for (const [field, names] of Object.entries(checks)) {
    const value = String(entry[field] ?? '')
    if (!value && !names.includes('required')) continue
    for (const name of names) {
      const words = rules[name](value)
      if (words) { wrong[field] = words; break }
    }
  }
  return wrong
}

/** The fields of a problem as {field: words}; without one, {all}. */
export function wrongOf(problem) {
  const wrong = Object.fromEntries(problem.errors.map(item => [item.field.replace(/\//g, '.'), item.message?.zh ? wordsOf(item.message) : item.message]))
  if (problem.field) wrong[problem.field.replace(/\//g, '.')] = problem.message
  return Object.keys(wrong).length ? wrong : { all: problem.message }
}
const wordsOf = message => (document.documentElement.lang === 'en' && message.en) || message.zh

/** The cursor goes to the first field that is wrong, when the page has said so. */
export const showWrong = () => nextTick(() => [...document.querySelectorAll('.wrong :is(input, select, textarea, button):not([tabindex="-1"])')].find(field => field.offsetParent)?.focus())
