// The few conditions that the page itself reads, only to decide what to offer: which suggestions, which kind of an empty block.
// Whatever counts is decided by the evaluator.
import { findField } from './definition.js'

export function valueOf(definition, model, name, row) {
  if (row && row[name] !== undefined) return row[name]
  const found = findField(definition, name)
  return found ? model[found.block.name]?.[name] : undefined
}

const literal = item => (item && typeof item === 'object' && 'text' in item ? item.text : item)

export function holds(condition, look) {
  const [operator, ...operands] = condition
  if (operator === 'and') return operands.every(item => holds(item, look))
  if (operator === 'or') return operands.some(item => holds(item, look))
  if (operator === 'not') return !holds(operands[0], look)
  const left = look(operands[0])
  if (operator === '=') return left === literal(operands[1])
  if (operator === 'in') return operands.slice(1).flat().some(item => left === literal(item))
  return operator === 'present' && left !== '' && left !== undefined && left !== null
}

/** The blocks nested in a row that are shown now. */
export const nestedIn = (block, look) => (block.blocks || []).filter(inner => !inner.when || holds(inner.when, look))
