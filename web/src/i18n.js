// Two languages, chosen by the person and remembered. Words of definitions come as {zh, en}: w(). Everything else: t(key).
import { ref, shallowRef } from 'vue'
import zh from './messages/zh.js'

const STORE = 'language'
export const language = ref(localStorage.getItem(STORE) === 'en' ? 'en' : 'zh')
const messages = shallowRef({ zh })

export async function useLanguage(name) {
  if (!messages.value[name]) messages.value = { ...messages.value, [name]: (await import('./messages/en.js')).default }
  language.value = name
  localStorage.setItem(STORE, name)
  document.documentElement.lang = name === 'zh' ? 'zh-CN' : 'en'
}

export const startLanguage = () => useLanguage(language.value)

export function t(key, values) {
  const text = messages.value[language.value]?.[key] ?? zh[key] ?? key
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole) : text
}

/** A word for a value of the server's; the value itself when there is none. */
export const word = (prefix, value) => { const key = `${prefix}.${value}`, text = t(key); return text === key ? value : text }

export function w(words) {
  if (words == null) return ''
  if (typeof words === 'string') return words
  return words[language.value] || words.zh || words.en || ''
}

/** All values that have a word there: [{value, label}]. */
export const wordsOf = prefix => Object.keys(zh).filter(key => key.startsWith(prefix + '.')).map(key => ({ value: key.slice(prefix.length + 1), label: t(key) }))
