// What stands in the page while a form is filled in, and the way to the document body and back.
// A row keeps a `_key` of the page's own (blank rows have no row_id and do not travel), so that problems find their row.
import { reactive } from 'vue'
import { holds, valueOf } from './conditions.js'
import { fieldsOf, firstRows, isColumn, isComputed, isDerived, isRows, variantOf } from './definition.js'

let keys = 0

export const isEmpty = value => value === '' || value === null || value === undefined

export function newRow(values = {}) {
  return reactive({ row_id: 0, ...values, _key: `r${++keys}`, _locked: false })
}

const nestedModel = (block, source) => Object.fromEntries((block.blocks || []).map(nested => [nested.name, toBlock(nested, source?.[nested.name])]))

function toRow(block, row) {
  return newRow({ ...row, ...nestedModel(block, row) })
}

function toBlock(block, source) {
  if (!isRows(block)) return { ...(source || {}), ...nestedModel(block, source) }
  const rows = (Array.isArray(source) ? source : source?.rows || []).map(row => toRow(block, row))
  return { variant: source?.variant || '', rows }
}

export function toModel(definition, body) {
  return Object.fromEntries(definition.blocks.map(block => [block.name, toBlock(block, body?.[block.name])]))
}

/** Rows that were there before keep their keys, so that what stands in the page stays, and with it the cursor. */
export function keepKeys(definition, model, before) {
  const walk = (block, part, old) => {
    for (const row of isRows(block) ? part.rows : []) {
      const same = old?.rows.find(item => Number(item.row_id) && String(item.row_id) === String(row.row_id))
      if (!same) continue
      row._key = same._key
      for (const nested of block.blocks || []) walk(nested, row[nested.name], same[nested.name])
    }
    if (!isRows(block)) for (const nested of block.blocks || []) walk(nested, part[nested.name], old?.[nested.name])
  }
  for (const block of definition.blocks) walk(block, model[block.name], before[block.name])
}

/** What a new row begins with; defaults that are worked out are the evaluator's. */
const defaultsOf = (block, variant) => Object.fromEntries(fieldsOf(block, variant).filter(field => !isEmpty(field.default) && !Array.isArray(field.default) && !String(field.default).startsWith('$')).map(field => [field.name, field.default]))

/** Blank rows that the tables of a block begin with, once; those nested in rows and sheets, too. */
function begin(block, part) {
  if (isRows(block) && !part.begun && (!block.variants || part.variant)) {
    part.begun = true
    while (part.rows.length < firstRows(block, part.variant)) part.rows.push(newRow({ ...defaultsOf(block, part.variant), ...nestedModel(block) }))
  }
  for (const nested of block.blocks || []) for (const place of isRows(block) ? part.rows : [part]) begin(nested, place[nested.name])
}

export const addInitialRows = (definition, model) => definition.blocks.forEach(block => begin(block, model[block.name]))

export function blankRow(block, variant) {
  const row = newRow({ ...defaultsOf(block, variant), ...nestedModel(block) })
  for (const nested of block.blocks || []) begin(nested, row[nested.name])
  return row
}

/** A row with these values, and defaults where it has none. */
export const rowOf = (block, values, variant) => newRow({ ...defaultsOf(block, variant), ...values, ...nestedModel(block, values) })

/** A copy that is a row of its own; so are the rows nested in it. */
export function copyRow(block, row) {
  const values = JSON.parse(JSON.stringify(row))
  for (const { name, ...inner } of block.blocks || []) values[name].rows = values[name].rows.map(line => copyRow(inner, line))
  return newRow({ ...values, row_id: 0 })
}

export function isBlank(block, row, variant) {
  const typed = fieldsOf(block, variant).some(field => !isComputed(field) && !isEmpty(row[field.name]) && row[field.name] !== field.default)
  return !typed && (block.blocks || []).every(nested => filledRows(nested, row[nested.name]).length === 0)
}

export const filledRows = (block, part) => (part?.rows || []).filter(row => !isBlank(block, row, part.variant))

function wire(field, value) {
  if (field.type === 'integer' && /^-?\d{1,15}$/.test(value)) return Number(value)
  return value
}

function values(fields, source) {
  const out = {}
  for (const field of fields) {
    if (isColumn(field) || field.type === 'file' || isEmpty(source[field.name])) continue
    out[field.name] = wire(field, source[field.name])
  }
  return out
}

function rowBody(block, row, variant) {
  const out = { row_id: Number(row.row_id) || 0, ...values(fieldsOf(block, variant), row) }
  for (const nested of block.blocks || []) addBlock(out, nested, row[nested.name])
  return out
}

function addBlock(out, block, part) {
  if (!isRows(block)) {
    const body = values(fieldsOf(block, part.variant), part)
    if (block.variants && part.variant) body.variant = part.variant
    for (const nested of block.blocks || []) addBlock(body, nested, part[nested.name])
    if (Object.keys(body).length) out[block.name] = body
    return
  }
  const rows = filledRows(block, part).map(row => rowBody(block, row, part.variant))
  if (!block.variants) { if (rows.length) out[block.name] = rows } else if (part.variant) out[block.name] = { variant: part.variant, rows }
}

export function toBody(definition, model) {
  const body = {}
  for (const block of definition.blocks) addBlock(body, block, model[block.name])
  return body
}

/* ---- taking over what evaluation has computed */

function mergeValues(fields, target, source) {
  for (const field of fields) {
    if (!isDerived(field)) continue
    const value = source?.[field.name]
    const replace = isComputed(field) || field.readonly || isEmpty(target[field.name])
    if (replace && (target[field.name] ?? '') !== (value ?? '')) target[field.name] = value ?? ''
  }
}

function mergeBlock(block, part, source) {
  if (!isRows(block)) {
    if (block.variants && source?.variant && part.variant !== source.variant) part.variant = source.variant
    mergeValues(fieldsOf(block, part.variant), part, source)
    for (const nested of block.blocks || []) mergeBlock(nested, part[nested.name], source?.[nested.name])
    return
  }
  const rows = Array.isArray(source) ? source : source?.rows || []
  const filled = filledRows(block, part)
  filled.forEach((row, index) => {
    mergeValues(fieldsOf(block, part.variant), row, rows[index])
    for (const nested of block.blocks || []) mergeBlock(nested, row[nested.name], rows[index]?.[nested.name])
  })
}

export function mergeDerived(definition, model, body) {
  for (const block of definition.blocks) mergeBlock(block, model[block.name], body?.[block.name])
}

/** The rows that a body is about to be made of; what it gives takes the ids that the server has given them, wherever they are by then. */
export function rememberRows(definition, model) {
  const nestedOf = (block, part) => (block.blocks || []).map(nested => ({ name: nested.name, take: remember(nested, part[nested.name]) }))
  function remember(block, part) {
    if (!isRows(block)) {
      const nested = nestedOf(block, part)
      return source => nested.forEach(({ name, take }) => take(source?.[name]))
    }
    const rows = filledRows(block, part).map(row => ({ row, nested: nestedOf(block, row) }))
    return source => rows.forEach(({ row, nested }, index) => {
      const saved = (Array.isArray(source) ? source : source?.rows || [])[index]
      if (saved) row.row_id = saved.row_id
      for (const { name, take } of nested) take(saved?.[name])
    })
  }
  const blocks = definition.blocks.map(block => ({ name: block.name, take: remember(block, model[block.name]) }))
  return body => blocks.forEach(({ name, take }) => take(body?.[name]))
}

/** An empty block follows the condition of its variants, as the evaluator does; what is empty is not in its answer. */
export function chooseVariants(definition, model) {
  for (const block of definition.blocks) {
    const part = model[block.name]
    if (!block.variants || (isRows(block) ? filledRows(block, part).length : fieldsOf(block, part.variant).some(field => !isEmpty(part[field.name])))) continue
    const fits = variant => !variant.when || holds(variant.when, name => valueOf(definition, model, name))
    const now = variantOf(block, part.variant)
    if (now && fits(now)) continue
    const next = block.variants.find(fits)?.id || ''
    if (next === part.variant) continue
    part.variant = next
    // blank rows of another kind go
    if (isRows(block)) { part.rows.splice(0); part.begun = false }
  }
}

/* ---- paths: the server counts filled rows, the page names rows by key */

/** "specs/2/qty" -> "specs/r17/qty"; a place that is not on the page stays as it is. */
export function toPagePath(definition, model, path) {
  const segments = String(path || '').split('/')
  let blocks = definition.blocks, part = model
  const out = []
  for (let i = 0; i < segments.length; i++) {
    const block = blocks?.find(item => item.name === segments[i])
    if (!block) { out.push(...segments.slice(i)); break }
    out.push(segments[i])
    part = part?.[block.name]
    blocks = block.blocks
    if (isRows(block) && /^\d+$/.test(segments[i + 1] || '')) {
      const row = filledRows(block, part)[Number(segments[++i])]
      out.push(row ? row._key : segments[i])
      part = row
    }
  }
  return out.join('/')
}
