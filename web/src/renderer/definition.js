// Reading a definition: blocks, fields, variants, actions. Pure; the words of schema/forms/README.md.

export const isRows = block => !!block.rows
/** Rows that are entered one after the other in a dialog. */
export const isDialog = block => block.rows?.entry === 'dialog'
export const isSheet = block => !!block.sheet

export const variantOf = (block, id) => block.variants?.find(variant => variant.id === id) || null

/** The fields of a block under a variant; common fields of the block come first. */
export function fieldsOf(block, variantId) {
  const common = block.fields || []
  return block.variants ? [...common, ...(variantOf(block, variantId)?.fields || [])] : common
}

/** Those of them that are shown; hidden ones are only worked with. */
export const shownFields = (block, variantId) => fieldsOf(block, variantId).filter(field => !field.hidden && field.type !== 'file')

/** Fields under the headings that a block may have; what stands under none comes last. */
export function groupsOf(block, fields) {
  const groups = (block.groups || []).map(group => ({ label: group.label, fields: group.fields.map(name => fields.find(field => field.name === name)).filter(Boolean) }))
  const rest = fields.filter(field => !groups.some(group => group.fields.includes(field)))
  return [...groups, { label: null, fields: rest }].filter(group => group.fields.length)
}

export const mostRows = (block, variantId) => variantOf(block, variantId)?.max ?? block.rows?.max ?? 1
export const firstRows = (block, variantId) => variantOf(block, variantId)?.initial ?? block.rows?.initial ?? 0

export const isColumn = field => !!field.from?.column && !field.from.list
export const isComputed = field => field.compute !== undefined
export const isLocked = field => !!field.readonly || !!field.kept || isComputed(field) || isColumn(field) || field.type === 'rate'
/** What evaluation may change although nobody typed: computed, filled from a code row or another field. */
export const isDerived = field => isComputed(field) || !!field.from?.list || !!field.from?.field || !!field.readonly

/** Calls visit(field, block) for every field of a definition, all variants and nested blocks included. */
export function eachField(definition, visit) {
  const walk = block => {
    for (const field of block.fields || []) visit(field, block)
    for (const variant of block.variants || []) for (const field of variant.fields) visit(field, block)
    for (const nested of block.blocks || []) walk(nested)
  }
  definition.blocks.forEach(walk)
}

/** The label of the field that a path ("base/total", "specs/r17/qty") leads to, or nothing. */
export function labelAt(definition, path) {
  const [first, ...rest] = path.split('/'), name = rest[rest.length - 1]
  let found = null
  eachField({ blocks: definition.blocks.filter(block => block.name === first) }, field => { if (field.name === name) found = field.label })
  return found
}

/** The first field of that name outside row blocks, with its block: what expressions mean by a bare name. */
export function findField(definition, name) {
  for (const block of definition.blocks) {
    if (isRows(block)) continue
    const field = fieldsOf(block).find(item => item.name === name)
    if (field) return { block, field }
  }
  return null
}

const placesOf = action => action.where || (action.by === 'agency' ? ['desk'] : action.kind === 'edit' ? ['form'] : ['form', 'list'])

/** Everything that can be done with a document: [{name, machine, ...action}]. */
export function actionsOf(definition, { by, where } = {}) {
  const all = []
  for (const [machine, table] of Object.entries(definition.machines || {})) {
    for (const [name, action] of Object.entries(table.actions || {})) {
      if (by && action.by !== by) continue
      if (where && !placesOf(action).includes(where)) continue
      all.push({ kind: 'transition', ...action, name, machine })
    }
  }
  return all
}

export const stateColumn = machine => (machine === 'main' ? 'state' : 'state_' + machine)
export const stateOf = (definition, machine, code) => definition.machines?.[machine]?.states?.[code] || null
export const allowedFrom = (action, state) => action.from?.includes('*') || action.from?.includes(state ?? '')

/** Whether the server is about to move the document on by itself. */
export const leavesByItself = (definition, row) => actionsOf(definition, { by: 'system' }).some(action => action.kind === 'transition' && allowedFrom(action, row[stateColumn(action.machine)]) &&
  Object.entries(action.while || {}).every(([machine, states]) => states.includes(row[stateColumn(machine)] ?? '')))

/** A way is drawn where the definition has one; a `view` action of its own offers it already. */
export const offersFlow = (definition, where) => !!definition.flow && !actionsOf(definition, { by: 'applicant', where }).some(action => action.kind === 'view' && action.name !== 'opinions')
export const wasSubmitted = (definition, row) => !!row.applied || row.state !== definition.machines.main.initial

/** The machine whose state a list column shows, or nothing. */
export function machineOfColumn(definition, column) {
  return Object.keys(definition.machines || {}).find(machine => stateColumn(machine) === column)
}

/** The field that fills a column of lists, by the definition's index: its type and code table tell how to show it. */
export function fieldOfColumn(definition, column) {
  const name = definition.index?.[column]
  return name ? findField(definition, name)?.field || null : null
}
