// The evaluator of shared/form, as WebAssembly: the page and the programs judge with the same code. Without WebAssembly the
// server is asked instead (POST check, after a pause in typing).
import { fetchRow, findRow, loadTable, tableNow } from './codes.js'
import { post } from './api.js'
import { today } from './session.js'
import { eachField } from './renderer/definition.js'

let machine = null      // a promise of {exports} or of null
const handles = new WeakMap()
const encoder = new TextEncoder(), decoder = new TextDecoder()

async function start() {
  if (typeof WebAssembly !== 'object') return null
  try {
    const response = await fetch('/form.wasm')
    if (!response.ok) return null
    const module = await WebAssembly.compile(await response.arrayBuffer())
    const imports = {}
    // it computes and nothing else: whatever the C library would ask of a system answers 0
    for (const item of WebAssembly.Module.imports(module)) (imports[item.module] ||= {})[item.name] = () => 0
    const instance = await WebAssembly.instantiate(module, imports)
    instance.exports._initialize?.()
    return instance.exports
  } catch {
    return null
  }
}

const exported = () => (machine ||= start())

function giveText(wasm, text) {
  const bytes = encoder.encode(text), at = wasm.form_alloc(bytes.length)
  new Uint8Array(wasm.memory.buffer).set(bytes, at)
  return [at, bytes.length]
}

function takeText(wasm, at) {
  const memory = new Uint8Array(wasm.memory.buffer)
  return decoder.decode(memory.subarray(at, memory.indexOf(0, at)))
}

function handleOf(wasm, definition) {
  if (!handles.has(definition)) {
    const [at, length] = giveText(wasm, JSON.stringify(definition))
    handles.set(definition, wasm.form_load(at, length))
    // the compiled form may point into this text: it stays
  }
  return handles.get(definition)
}

/* ---- the code rows that a body refers to */

/** What a definition needs of the code tables: whole tables, and those asked for row by row. */
export function codeNeeds(definition) {
  const whole = new Set(), byRow = new Set()
  eachField(definition, field => {
    if (field.type === 'code') (field.lookup ? byRow : whole).add(field.list)
    if (field.suggest) whole.add(field.suggest.list)
    if (field.from?.list) whole.add(field.from.list)
  })
  if (definition.attachments) whole.add(definition.attachments.list)
  for (const list of byRow) whole.delete(list)
  return { whole: [...whole], byRow: [...byRow] }
}

export const loadCodes = (module, definition) =>
  Promise.all(codeNeeds(definition).whole.map(list => loadTable(module, list).catch(() => null)))

/** The rows of large catalogues that a body refers to, so that their names are here. */
export function fetchLookups(module, definition, body) {
  const values = valuesByField(body), { byRow } = codeNeeds(definition), waiting = []
  eachField(definition, field => {
    if (field.type === 'code' && byRow.includes(field.list)) for (const code of values.get(field.name) || []) waiting.push(fetchRow(module, field.list, code).catch(() => null))
  })
  return Promise.all(waiting)
}

/** Values of every field by name, rows of all depths included. */
function valuesByField(body) {
  const found = new Map()
  const walk = value => {
    if (Array.isArray(value)) return value.forEach(walk)
    if (!value || typeof value !== 'object') return
    for (const [name, item] of Object.entries(value)) {
      if (item && typeof item === 'object') walk(item)
      else (found.get(name) || found.set(name, new Set()).get(name)).add(item)
    }
  }
  walk(body)
  return found
}

async function rowsFor(module, definition, body) {
  const values = valuesByField(body), codes = {}, needs = codeNeeds(definition), missing = []
  const add = (list, row) => { if (row) (codes[list] ||= {})[row.code] ??= row }
  const take = (list, scheme, code) => {
    if (needs.byRow.includes(list)) missing.push([list, code])
    else add(list, findRow(module, list, code, scheme))
  }
  eachField(definition, field => {
    if (field.type === 'code') for (const code of values.get(field.name) || []) take(field.list, field.scheme, code)
    if (field.from?.list) for (const code of values.get(field.from.key) || []) take(field.from.list, undefined, code)
    if (field.suggest) for (const row of tableNow(module, field.suggest.list)?.rows || []) add(field.suggest.list, row)
  })
  const attachments = definition.attachments?.list
  for (const row of tableNow(module, attachments)?.rows || []) add(attachments, row)
  for (const [list, code] of missing) add(list, await fetchRow(module, list, code).catch(() => null))
  return codes
}

/* ---- */

/** An evaluator of one form: evaluate({body, attachments, stage, document}) -> {body, errors, hidden, required} or null. */
export function evaluatorOf(module, definition) {
  return { immediate: async () => !!(await exported()), evaluate: input => evaluate(module, definition, input) }
}

async function evaluate(module, definition, { body, attachments = [], stage = 'submit', document }) {
  const wasm = await exported()
  const handle = wasm && handleOf(wasm, definition)
  if (!handle) return askServer(module, definition, body, document)
  const files = attachments.map(item => ({ type: item.type, block: item.block || '', row_id: Number(item.row_id) || 0 }))
  let codes = await rowsFor(module, definition, body)
  for (;;) {
    const answer = run(wasm, handle, { body, today: today(), stage, codes, attachments: files })
    if (answer.failure || !answer.errors) return null
    // a value that was filled in may be a code, too: its row was not among those given
    const more = await rowsFor(module, definition, [body, answer.body])
    if (count(more) <= count(codes)) return answer
    codes = more
  }
}

function run(wasm, handle, input) {
  const [at, length] = giveText(wasm, JSON.stringify(input))
  const answer = JSON.parse(takeText(wasm, wasm.form_evaluate(handle, at, length)))
  wasm.form_free(at)
  return answer
}
const count = codes => Object.values(codes).reduce((sum, rows) => sum + Object.keys(rows).length, 0)

async function askServer(module, definition, body, document) {
  const answer = await post(`/${module}/${definition.form}/check`, { body, document })
  return { body: answer.body, errors: answer.errors, hidden: answer.hidden, required: answer.required }
}
