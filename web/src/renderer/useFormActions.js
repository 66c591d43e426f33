// What can be done with the document in the form: which buttons, why one cannot be used, and doing it.
import { computed } from 'vue'
import { download } from '../api.js'
import { t, w } from '../i18n.js'
import { done, failed } from '../messages.js'
import { has } from '../session.js'
import { actionsOf, allowedFrom, stateColumn, stateOf } from './definition.js'
import { askCount, askOpinion, sure } from './ask.js'
import { copyAs } from './copying.js'
import { boundKeys } from './useSigning.js'

const ALWAYS = ['edit', 'delete', 'copy']
const MOST_COPIES = 100

export function useFormActions(module, page, { promised, tab, show, sign }) {
  const form = () => page.form
  const stateFor = action => form()?.row?.[stateColumn(action.machine)] ?? page.definition?.machines?.[action.machine]?.initial ?? ''

  const shown = computed(() => (page.definition ? actionsOf(page.definition, { by: 'applicant', where: 'form' }) : [])
    .filter(action => (ALWAYS.includes(action.kind) && !action.set) || action.complete || (page.id && allowedFrom(action, stateFor(action)))))

  function whyOf(action) {
    if (!page.id && action.kind !== 'edit' && !action.complete) return t('why.save_first')
    if (!has(module, action.right || 'view')) return t('why.right')
    if (!allowedFrom(action, stateFor(action))) return t('why.state', { state: w(stateOf(page.definition, action.machine, stateFor(action))) })
    if (action.complete) {
      const missing = [...form().checklist, ...page.keyProblems].filter(item => item.level !== 'warning').length
      if (missing) return t('why.incomplete', { n: missing })
      if (page.definition.promise && !promised.value) return t('why.promise')
    }
    const server = page.actions[action.name]
    // what the server said about completeness may be older than what stands in the page
    return server && !server.allowed && !(action.complete && form().dirty) ? w(server.why) : ''
  }

  async function save(quiet, next = false) {
    try {
      const { first } = await page.save()
      if (first && !page.definition.single && !next) tab.setPath(`/app/${module}/doc/${page.definition.form}/${page.id}`)
      if (!quiet) done(first ? t('saved.first') : t('saved'))
      return true
    } catch (problem) {
      if (problem.status === 412) return false
      form().showAll = form().showAll || problem.status === 422
      if (form().serverProblems.length) form().goTo(form().serverProblems[0].path)
      failed(problem)
      return false
    }
  }

  /** Saves and makes place for another: here, or beside a document that was there before. */
  async function saveAndNew() {
    const fresh = !page.id
    if (!(await save(false, fresh))) return
    if (fresh) await page.begin()
    else tab.open(`/app/${module}/new/${page.definition.form}`)
  }

  async function transition(action) {
    // what a key signs is what is stored
    if (keyOf(action)) return (await stored()) && sign(action, await boundKeys())
    const opinion = await askOpinion(action)
    if (opinion === null || !(await stored())) return
    await act(action, opinion)
  }
  const stored = async () => !form().dirty || !form().editable || save(true)
  const keyOf = action => page.actions[action.name]?.key || ''

  async function act(action, opinion, signed) {
    await page.act(action.name, opinion, signed)
    done(t('action.done', { action: w(action.label), state: w(stateOf(page.definition, action.machine, stateFor(action))) }))
    if (action.print) await print(action)
  }

  const print = action => download(`/${module}/documents/${page.id}/print/${action.print}.pdf`, { open: true })

  const doing = {
    edit: () => save(),
    async delete(action) {
      if (!(await sure(w(action.confirm) || t('delete.sure'), w(action.label)))) return
      await page.destroy()
      form().dirty = false
      done(t('deleted'))
      if (!page.definition.single) tab.open(`/app/${module}/list/${page.definition.form}`)
      tab.close()
    },
    async copy(action) {
      if (action.set) {
        const made = await copyAs(module, page.id, action)
        if (made) tab.open(`/app/${module}/doc/${page.definition.form}/${made}`)
        return
      }
      const count = await askCount(MOST_COPIES)
      if (!count) return
      await page.copy(count)
      done(t('copy.done'))
    },
    transition,
    print,
    download: action => download(`/${module}/documents/${page.id}/print/${action.print}.pdf`,
      { name: `${page.form.row.licence_no || action.print}.pdf` }),
    view: action => show(action)
  }

  async function run(action) {
    try {
      await doing[action.kind](action)
    } catch (problem) { refused(problem) }
  }
  function refused(problem) {
    if (problem.status === 412) return
    form().setServerProblems(problem.errors)
    failed(problem)
  }
  
  /** Submits without a key where the server leaves the choice. */
  async function actPlainly(action) {
    try { await act(action) } catch (problem) { refused(problem) }
  }
  return { shown, whyOf, keyOf, run, act, actPlainly, save, saveAndNew }
}
