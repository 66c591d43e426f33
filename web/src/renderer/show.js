// A value of a field as a person reads it.
import { codeName } from '../codes.js'
import { w } from '../i18n.js'
import { refNumber } from './refs.js'
import { isNumber, showBool, showDate, showNumber } from '../format.js'

const shows = {
  code: (field, value, module) => `${value} ${codeName(module, field.list, value, field.scheme)}`.trim(),
  bool: (field, value) => showBool(value),
  date: (field, value) => showDate(value),
  ref: (field, value, module) => refNumber(module, value),
  enum: (field, value) => w(field.values.find(item => item.value === value)) || value,
  decimal: (field, value) => (isNumber(value) ? showNumber(value, field.display) : value)
}
shows.rate = shows.decimal

export const isFigure = field => ['decimal', 'integer', 'rate'].includes(field.type)

/** The rows in the body of a block, with and without variants. */
export const rowsIn = part => (Array.isArray(part) ? part : part?.rows || [])

/** Empty for an empty value. */
export function showValue(module, field, value) {
  if (value === '' || value === null || value === undefined) return ''
  return shows[field.type] ? shows[field.type](field, value, module) : String(value)
}
