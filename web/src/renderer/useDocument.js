// A document behind a form: load, save, act, and the draft that survives a reload.
import { reactive, ref } from 'vue'
import { get, newKey, post, put, remove } from '../api.js'
import { definitionOf, exchangeOf } from '../forms.js'
import { session } from '../session.js'
import { mergeDerived, rememberRows } from './model.js'
import { useForm } from './useForm.js'
import { useDraft } from './useDraft.js'

export function useDocument(module, formName, id) {
  const page = reactive({ form: null, definition: null, id: id || null, problem: null, loading: true, saving: false, stale: null,
    actions: {}, reviewer: null, keyProblems: [], offered: null, moved: 0 })
  const key = ref(newKey())
  let draft = null

  function takeAnswer(answer) {
    page.form.row = answer.document
    page.form.attachments = answer.attachments || []
    page.actions = answer.actions || {}
    page.reviewer = answer.reviewer || null
    page.id = answer.document.id
  }

  async function open() {
    page.loading = true
    page.problem = null
    try {
      const answer = page.id ? await get(`/${module}/documents/${page.id}`) : null
      const version = answer?.form_version
      page.moved = answer?.moved_from || 0
      page.definition = await definitionOf(module, answer?.document.form || formName, version)
      page.form = useForm(module, page.definition)
      page.form.exchange = await exchangeOf(module, page.definition.form)
      if (answer) takeAnswer(answer)
      const body = answer ? answer.body : (await post(`/${module}/${formName}/new`, {})).body
      page.form.editable = !answer || editable()
      await page.form.take(body)
      draft = useDraft(`${session.user?.id}/${module}/${formName}/${page.id || 'new'}`, page.form, () => page.form.row?.version || 0)
      page.offered = page.form.editable ? draft.offer() : null
      checkKey()
    } catch (problem) {
      page.problem = problem
    }
    page.loading = false
  }

  /** Another new one in the place of this. */
  function begin() {
    page.id = null
    return open()
  }

  function editable() {
    const edit = Object.values(page.definition.machines?.main?.actions || {}).find(action => action.kind === 'edit')
    return !!edit && edit.by === 'applicant' && edit.from.includes(page.form.row.state)
  }

  async function answerOf(call) {
    const answer = await call
    takeAnswer(answer)
    page.form.editable = editable()
    return answer
  }

  /** Saves; with `over`, over a version that somebody else has stored meanwhile. */
  async function save({ over } = {}) {
    const form = page.form, body = form.body(), takeRowIds = rememberRows(page.definition, form.content), { edits } = form
    // what is typed while this is under way stays, unsaved
    const untouched = () => form.edits === edits
    page.saving = true
    try {
      const first = !page.id
      const answer = await answerOf(first ? post(`/${module}/documents`, { form: formName, body }, { key: key.value })
        : put(`/${module}/documents/${page.id}`, { body }, { version: over ?? form.row.version }))
      form.silently(() => {
        takeRowIds(answer.body)
        // what only the server fills: values picked from another document, of the session
        if (untouched()) mergeDerived(page.definition, form.content, answer.body)
        form.dirty = !untouched()
      })
      draft.clear()
      if (first) draft.rename(`${session.user?.id}/${module}/${formName}/${page.id}`)
      draft.keep()
      key.value = newKey()
      await form.evaluate()
      checkKey()
      return { answer, first }
    } catch (problem) {
      if (problem.status === 412) page.stale = await theirs(problem)
      else form.setServerProblems(errorsOf(problem))
      // a first save that was refused must not repeat under its old key with another body
      if ([409, 422].includes(problem.status)) key.value = newKey()
      throw problem
    } finally {
      page.saving = false
    }
  }

  /** What was refused for one field (a code that is used already) stands at that field, too. */
  const errorsOf = ({ errors, field, details }) => (errors.length || !field ? errors : [{ field, rule: details.type?.replace(/.*\//, ''), message: details.message }])

  async function theirs(problem) {
    const [answer, { events }] = await Promise.all([get(`/${module}/documents/${page.id}`),
      get(`/${module}/documents/${page.id}/events`).catch(() => ({ events: [] }))])
    return { problem, answer, event: events[0] }
  }

  async function reload() {
    const answer = await answerOf(get(`/${module}/documents/${page.id}`))
    await page.form.take(answer.body)
    draft.clear()
  }

  /** Takes over what happened to the document elsewhere, unless something here is unsaved or under way. */
  async function lookAgain() {
    const idle = () => page.id && page.form?.row && !page.loading && !page.saving && !(page.form.dirty && page.form.editable)
    if (!idle()) return
    const answer = await get(`/${module}/documents/${page.id}`, null, { quiet: true }).catch(() => null)
    if (!answer || !idle() || answer.document.version === page.form.row.version) return
    takeAnswer(answer)
    page.form.editable = editable()
    await page.form.take(answer.body)
  }

  /** While something is under way a second press does nothing. */
  async function alone(call) {
    page.saving = true
    try { return await call } finally { page.saving = false }
  }

  /** signed: {token, signed}, of an action that a key has signed. */
  async function act(name, opinion, signed) {
    const { edits } = page.form
    const answer = await answerOf(alone(post(`/${module}/documents/${page.id}/actions/${name}`, { ...(opinion ? { opinion } : {}), ...signed },
      { version: page.form.row.version, key: newKey() })))
    if (answer.body && !(page.form.editable && page.form.edits !== edits)) await page.form.take(answer.body)
    return answer
  }

  const destroy = () => alone(remove(`/${module}/documents/${page.id}`, { version: page.form.row.version })).then(() => draft.clear())
  const copy = count => alone(post(`/${module}/documents/${page.id}/copy`, { count }, { key: newKey() }))
  const refresh = async () => takeAnswer(await get(`/${module}/documents/${page.id}`))
  /** What of the electronic key is missing: nobody knows that here. */
  async function checkKey() {
    const asked = page.form?.editable && Object.values(page.actions).some(action => action.key)
    const answer = asked && await post(`/${module}/${page.definition.form}/check`, { body: page.form.body(), document: page.id }, { quiet: true }).catch(() => null)
    page.keyProblems = answer ? answer.errors.filter(item => /^R-KEY-/.test(item.rule)) : []
  }

  return Object.assign(page, { open, begin, save, reload, lookAgain, act, destroy, copy, refresh, checkKey, draft: () => draft })
}
