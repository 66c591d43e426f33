// How values are shown.
import { language } from './i18n.js'

const SHANGHAI = { timeZone: 'Asia/Shanghai' }
const instant = new Intl.DateTimeFormat('sv-SE', { ...SHANGHAI, dateStyle: 'short', timeStyle: 'short' })
const moment = new Intl.DateTimeFormat('sv-SE', { ...SHANGHAI, dateStyle: 'short', timeStyle: 'medium' })
const day = new Intl.DateTimeFormat('sv-SE', SHANGHAI)

const dateOf = value => new Date(typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value)
export const showTime = value => (value ? instant.format(dateOf(value)) : '-')
/** With seconds: for logs. */
export const showMoment = value => (value ? moment.format(dateOf(value)) : '-')

/** Business dates are text; instants are milliseconds. */
export function showDate(value) {
  if (value === '' || value == null) return ''
  return typeof value === 'number' || /^\d{11,}$/.test(value) ? day.format(new Date(Number(value))) : String(value).slice(0, 10)
}

export const isNumber = value => /^-?\d+(\.\d+)?$/.test(String(value))

/** Decimals as text, grouped, trailing zeros of the fraction away; `places` rounds for showing only. */
export function showNumber(value, places) {
  if (!isNumber(value)) return value ?? ''
  let [whole, fraction = ''] = String(value).split('.')
  if (places != null && fraction.length > places) [whole, fraction] = roundText(whole, fraction, places)
  fraction = fraction.replace(/0+$/, '')
  return whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',') + (fraction ? '.' + fraction : '')
}

// half away from zero, without going through binary fractions
function roundText(whole, fraction, places) {
  const digits = BigInt(whole.replace('-', '') + fraction.slice(0, places)) + (fraction[places] >= '5' ? 1n : 0n)
  const text = digits.toString().padStart(places + 1, '0')
  const sign = whole.startsWith('-') ? '-' : ''
  return [sign + text.slice(0, text.length - places), text.slice(text.length - places)]
}

export function showSize(bytes) {
  return bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(2)} MiB`
}

export const showBool = value => (language.value === 'en' ? (value ? 'Yes' : 'No') : value ? '是' : '否')

/** Who stands in the name of a certificate (RFC 2253): its common name. */
export const commonName = name => /(?:^|,)\s*CN\s*=\s*((?:\\.|[^,\\])+)/.exec(name || '')?.[1].replace(/\\(.)/g, '$1') || name || ''

export const titleOf = article => (language.value === 'en' && article.title_en) || article.title
