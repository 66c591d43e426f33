// What changed elsewhere, in words for who does not see it.
import { t, w } from '../i18n.js'
import { stateOf } from '../renderer/definition.js'

const NAMED = 3 // of more only the number is told

/** Of the documents whose ids are in `changed`: the numbers of those in `items` with their states, or how many. */
export function changesIn(definition, items, changed) {
  if (!changed.size) return ''
  const here = items.filter(item => changed.has(item.id))
  if (!here.length || changed.size > NAMED) return t('live.changed_many', { n: changed.size })
  return t('live.changed', { what: here.map(item => `${item.application_no || item.licence_no || ''} ${w(stateOf(definition, 'main', item.state))}`.trim()).join(t('comma')) })
}
