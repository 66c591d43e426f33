// The state of one form on one page: the model, what evaluation says about it, and what of that is shown already.
import { computed, inject, onScopeDispose, provide, reactive, watch } from 'vue'
import { evaluatorOf, loadCodes } from '../evaluator.js'
import { holds, valueOf } from './conditions.js'
import { steady } from '../pointer.js'
import { isRows } from './definition.js'
import { addInitialRows, chooseVariants, filledRows, keepKeys, mergeDerived, toBody, toModel, toPagePath } from './model.js'

const FORM = Symbol('form')
export const provideForm = form => provide(FORM, form)
export const useFormContext = () => inject(FORM)

let forms = 0 // several forms may stand in the page, one a tab: ids begin with the form's number

const TYPING = 150      // ms of quiet before the local evaluator runs
const ASKING = 700      // ms before the server is asked

export function useForm(module, definition) {
  const state = reactive({
    definition, module, content: null, row: null, attachments: [], editable: true, dirty: false, edits: 0, showAll: false, ready: false, marked: false,
    problems: [], serverProblems: [], hidden: new Set(), required: new Set(), known: new Set(), touched: new Set(), focus: null, exchange: null
  })
  const prefix = `form-${++forms}-`
  const evaluator = evaluatorOf(module, definition)
  let timer = 0, quiet = false, run = 0, pause = TYPING

  evaluator.immediate().then(local => { pause = local ? TYPING : ASKING })

  const setPaths = paths => new Set((paths || []).map(path => toPagePath(definition, state.content, path)))
  /** A change that nobody has typed, and what components make of it at once. */
  function silently(change) {
    quiet = true
    change()
    queueMicrotask(() => { quiet = false })
  }
  const placed = list => list.map(item => ({ ...item, path: toPagePath(definition, state.content, item.field) }))

  async function evaluate() {
    clearTimeout(timer)
    if (!state.content) return null
    const mine = ++run
    const rows = definition.blocks.filter(isRows).flatMap(block => filledRows(block, state.content[block.name]).map(row => row._key))
    const answer = await evaluator.evaluate({ body: toBody(definition, state.content), attachments: state.attachments,
      document: state.row?.id }).catch(() => null)
    await steady()
    if (!answer || mine !== run) return null
    silently(() => {
      mergeDerived(definition, state.content, answer.body)
      chooseVariants(definition, state.content)
      state.problems = placed(answer.errors)
      state.hidden = setPaths(answer.hidden)
      // an answer without marks: what the definition says of the field itself stands
      state.marked = !!answer.required
      state.required = setPaths(answer.required)
      state.known = new Set(rows) // of which evaluation has spoken
      if (state.editable) addInitialRows(definition, state.content)
      state.ready = true
    })
    return answer
  }

  /** Takes a body as what stands in the page now: loaded, or from a draft. */
  async function take(body, dirty = false) {
    const content = toModel(definition, body)
    silently(() => {
      if (state.content) keepKeys(definition, content, state.content)
      state.content = content
      state.touched = new Set()
      state.serverProblems = []
      state.dirty = dirty
    })
    await loadCodes(module, definition)
    await evaluate()
  }

  watch(() => state.content, () => {
    if (quiet) return
    state.dirty = true
    state.edits++
    state.serverProblems = []
    clearTimeout(timer)
    timer = setTimeout(evaluate, pause)
  }, { deep: true, flush: 'sync' })
  watch(() => state.attachments, evaluate, { deep: true })
  onScopeDispose(() => clearTimeout(timer))

  const byPath = computed(() => {
    const map = new Map()
    for (const item of [...state.serverProblems, ...state.problems]) (map.get(item.path) || map.set(item.path, []).get(item.path)).push(item)
    return map
  })

  /** Everything that still stops this document, each thing once; a sheet not yet begun is one thing. */
  const checklist = computed(() => {
    const seen = new Set(), all = [...state.problems, ...state.serverProblems]
    const unbegun = new Set(all.filter(item => item.rule === 'sheet_required').map(item => item.path))
    return all.filter(item => {
      if (unbegun.has(item.path.split('/')[0]) && item.rule !== 'sheet_required') return false
      const key = item.path + '|' + item.rule
      return seen.has(key) ? false : seen.add(key)
    })
  })

  return Object.assign(state, {
    evaluate, take, silently, byPath, checklist,
    body: () => toBody(definition, state.content),
    /** The element id of a field's control or of a block. */
    idOf: path => prefix + path.replace(/[^\w-]/g, '-'),
    hides: (path, field) => (state.marked ? state.hidden.has(path) : !!field?.when && !holds(field.when, name => valueOf(definition, state.content, name))),
    demands: (path, field) => state.required.has(path) || (!state.marked && !!field.required),
    touch: path => steady().then(() => state.touched.add(path)),
    /** The problem to show at a field: at once for what was typed, for what is missing only after a visit. */
    problemAt(path, value) {
      const list = byPath.value.get(path)
      if (!list) return null
      const shown = state.showAll || state.touched.has(path) || !(value === '' || value == null)
      return shown ? list.find(item => item.level !== 'warning') || list[0] : null
    },
    setServerProblems(list) { state.serverProblems = placed(list || []) },
    goTo(path) { state.focus = { path, at: Date.now() } }
  })
}
