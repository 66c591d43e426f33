// What is left, and why, in a sentence.
import { t } from '../i18n.js'
import { isNumber, showNumber } from '../format.js'

const count = (ledger, ...kinds) => ledger.entries.filter(entry => kinds.includes(entry.kind)).length
const some = value => isNumber(value) && Number(value) !== 0

/** `at`: the moment that was asked for, or "" for now. */
export function statement(ledger, unit, at) {
  const when = at ? t('ledger.say_at', { time: at }) : t('ledger.say_now')
  const amount = value => `${showNumber(value)} ${unit}`.trim()
  if (!ledger.entries.length) return when + t('ledger.say_nothing')
  const parts = [t('ledger.say_granted', { amount: amount(ledger.granted) }),
    some(ledger.used) && t('ledger.say_used', { amount: amount(ledger.used), n: count(ledger, 'use') }),
    some(ledger.reserved) && t('ledger.say_reserved', { amount: amount(ledger.reserved) }),
    count(ledger, 'adjust') && t('ledger.say_adjusted', { n: count(ledger, 'adjust') }),
    some(ledger.released) && t('ledger.say_released', { amount: amount(ledger.released) })].filter(Boolean)
  return when + parts.join(t('list.comma')) + t('ledger.say_left', { amount: amount(ledger.balance) })
}
