// An action over ticked documents: which are offered, why not, one request for all, progress of the job, a result per item.
import { computed, reactive } from 'vue'
import { download, get, newKey, post } from '../../api.js'
import { t, w } from '../../i18n.js'
import { done, failed } from '../../messages.js'
import { has } from '../../session.js'
import { actionsOf, allowedFrom, stateColumn, stateOf } from '../../renderer/definition.js'
import { askCount, askOpinion } from '../../renderer/ask.js'
import { copyAs } from '../../renderer/copying.js'

const MOST = 100 // documents of one PDF, copies of one document

export function useBatch(module, definition, { by, where, only = () => null, show, sign, open, reload }) {
  const work = reactive({ open: false, busy: false, action: null, done: 0, total: 0, results: [], items: new Map() })
  const actions = computed(() => (definition.value ? actionsOf(definition.value, { by, where }).filter(action => only()?.includes(action.name) ?? true) : []))
  const labelOf = action => (action.batch && action.kind !== 'download' && by === 'applicant' ? t('batch.of', { action: w(action.label) }) : w(action.label))

  function whyOf(action, items) {
    if (!has(module, action.right || 'view')) return t('why.right')
    if (!items.length) return t('why.tick')
    if (action.single && items.length !== 1) return t('why.one')
    if (!action.batch && items.length !== 1) return t('why.one')
    const wrong = items.filter(item => !allowedFrom(action, item[stateColumn(action.machine)]))
    if (wrong.length === items.length || (wrong.length && ['print', 'download'].includes(action.kind))) {
      const state = w(stateOf(definition.value, action.machine, wrong[0][stateColumn(action.machine)]))
      return t('why.states', { n: wrong.length, state: state || '-', action: w(action.label) })
    }
    return ''
  }

  async function follow(job) {
    for (;;) {
      const answer = await get(`/${module}/jobs/${job}`)
      Object.assign(work, { done: answer.done, total: answer.total, results: answer.results || [] })
      if (answer.state === 'done') return
      await new Promise(resolve => setTimeout(resolve, 700))
    }
  }

  async function send(action, items, opinion) {
    Object.assign(work, { open: true, busy: true, action, done: 0, total: items.length, results: [], items: new Map(items.map(item => [item.id, item])) })
    try {
      const body = { action: action.kind === 'delete' ? 'delete' : action.name, ids: items.map(item => item.id) }
      const answer = await post(`/${module}/batch`, opinion ? { ...body, opinion } : body, { key: newKey() })
      if (answer.job) await follow(answer.job)
      else Object.assign(work, { results: answer.results, done: answer.results.length })
      // what needs somebody's eye first
      work.results.sort((a, b) => a.ok - b.ok)
      // printing that is counted: what was counted is opened
      const printed = items.filter(item => work.results.some(result => result.ok && result.id === item.id))
      if (action.print && printed.length) await print(action, printed)
    } catch (problem) {
      work.open = false
      failed(problem)
    }
    work.busy = false
    reload()
  }

  const print = (action, items) => {
    const name = action.print
    if (items.length > MOST) return failed(t('print.most', { n: MOST }))
    if (items.length === 1) return download(`/${module}/documents/${items[0].id}/print/${name}.pdf`, action.kind !== 'download' ? { open: true } : { name: `${items[0].licence_no || name}.pdf` })
    return download(`/${module}/print`, { body: { name, ids: items.map(item => item.id) }, ...(action.kind !== 'download' ? { open: true } : { name: `${name}.pdf` }) })
  }

  async function copy(action, item) {
    if (action.set) {
      const made = await copyAs(module, item.id, action)
      if (made) open(made)
      return
    }
    const count = await askCount(MOST)
    if (!count) return
    await post(`/${module}/documents/${item.id}/copy`, { count }, { key: newKey() })
    done(t('copy.done'))
    reload()
  }

  async function run(action, items) {
    try {
      if (action.kind === 'copy') return await copy(action, items[0])
      if (action.kind === 'view') return show(action, items[0])
      if (action.kind === 'print' || action.kind === 'download') return await print(action, items)
      if (action.key && sign) return await sign(action, items)
      const opinion = await askOpinion(action, { count: items.length, promise: action.complete ? w(definition.value.promise) : '' })
      if (opinion !== null) await send(action, items, opinion)
    } catch (problem) { failed(problem) }
  }
  return { work, actions, labelOf, whyOf, run, send, close: () => { work.open = false } }
}
