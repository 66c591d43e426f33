// Which applications there are and their definitions. Nothing here knows a form by name.
import { get, Problem } from './api.js'
import { w, word } from './i18n.js'

const lists = new Map()
const definitions = new Map()
let groups = null

const plain = async url => {
  const response = await fetch(url).catch(() => { throw new Problem(0) })
  if (!response.ok) throw new Problem(response.status)
  return response.json()
}

function once(map, key, make) {
  if (!map.has(key)) map.set(key, make().catch(error => { map.delete(key); throw error }))
  return map.get(key)
}

/** Groups of modules as they stand on the home page: public/applications.json. */
export const applicationGroups = () => (groups ||= plain('/applications.json').catch(error => { groups = null; throw error }))
export const allModules = async () => (await applicationGroups()).flatMap(group => group.modules)

/** The forms of a module: [{form, version, title, kind, url}]. */
export const formsOf = module => once(lists, module, async () => (await get(`/${module}/forms`, null, { quiet: true })).forms)
export const forgetForms = () => lists.clear()

export const definitionAt = url => once(definitions, url, () => plain(url))

/** A definition of a form; without a version, the one in force. */
export async function definitionOf(module, form, version) {
  const entry = (await formsOf(module)).find(item => item.form === form)
  if (!entry) throw new Problem(404)
  const url = version && version !== entry.version ? entry.url.replace(/\.\d+\.json$/, `.${version}.json`) : entry.url
  return definitionAt(url)
}

/** What is exchanged of a form: {root, tables}, or null. */
export const exchangeOf = async (module, form) => (await formsOf(module)).find(item => item.form === form)?.exchange || null

/** What a module with one kind of application is called: its own word, or else the title of that. */
export const titleOfModule = (module, form) => { const own = word('module', module); return own === module ? w(form.title) : own }
