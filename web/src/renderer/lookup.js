// Words for the columns of a catalogue. A definition may give them ({column, label}), there or for the catalogue's page; otherwise the field that is filled from that
// column lends its label, so that a new catalogue needs no words here.
import { t, w } from '../i18n.js'
import { eachField } from './definition.js'

export const columnName = item => (typeof item === 'string' ? item : item.column)

export function columnLabel(definition, field, name) {
  const given = [...field.lookup.columns, ...field.lookup.filters].find(item => item.column === name && item.label)
  if (given) return w(given.label)
  const page = (definition.catalogues || []).filter(item => item.list === field.list).flatMap(item => item.columns).find(item => item.column === name)
  if (page?.label) return w(page.label)
  if (name === 'code') return w(field.label)
  let found = null
  const plain = name.replace(/_name$/, '')
  eachField(definition, other => {
    if (found) return
    const filled = other.from?.list === field.list && (other.from.column === name || other.from.column === plain)
    if (filled || other.name === name) found = other.label
  })
  return found ? w(found) : t('column.' + name)
}
