// Areas of the shell: their menus and pages. A menu entry is {path, title, icon, children}; a page {load, props, title}.
import { defineAsyncComponent } from 'vue'
import { allModules, definitionOf, formsOf, titleOfModule } from './forms.js'
import { t, w } from './i18n.js'
import ChunkProblem from './components/ChunkProblem.vue'
import { has, isAdministrator, isApplicant, isOfficer, session } from './session.js'

const lazy = {
  form: () => import('./pages/module/FormPage.vue'), list: () => import('./pages/module/ListPage.vue'),
  query: () => import('./pages/module/QueryPage.vue'), writeOffs: () => import('./pages/module/WriteOffsPage.vue'),
  statistics: () => import('./pages/module/StatisticsPage.vue'), monthly: () => import('./pages/module/MonthlyPage.vue'),
  own: () => import('./pages/module/OwnPage.vue'), catalogue: () => import('./pages/module/CataloguePage.vue'), changes: () => import('./pages/module/ChangesPage.vue'), fetches: () => import('./pages/module/FetchesPage.vue'), push: () => import('./pages/module/PushPage.vue'),
  queue: () => import('./pages/desk/QueuePage.vue'), review: () => import('./pages/desk/ReviewPage.vue'), licences: () => import('./pages/desk/LicencesPage.vue'), seal: () => import('./pages/desk/SealPage.vue'),
  profile: () => import('./pages/account/ProfilePage.vue'), password: () => import('./pages/account/PasswordPage.vue'),
  enterprise: () => import('./pages/account/EnterprisePage.vue'), operators: () => import('./pages/account/OperatorsPage.vue'), filings: () => import('./pages/account/FilingsPage.vue'), keys: () => import('./pages/account/KeysPage.vue'), api: () => import('./pages/account/ApiKeysPage.vue'),
  officers: () => import('./pages/admin/OfficersPage.vue'), enterprises: () => import('./pages/admin/EnterprisesPage.vue'),
  articles: () => import('./pages/admin/ArticlesAdminPage.vue'), mailbox: () => import('./pages/admin/MailboxPage.vue'),
  codes: () => import('./pages/admin/CodesPage.vue'), audit: () => import('./pages/admin/AuditPage.vue'),
  partners: () => import('./pages/admin/PartnersPage.vue'), series: () => import('./pages/admin/SeriesPage.vue'), layouts: () => import('./pages/admin/LayoutsPage.vue'), unknown: () => import('./pages/admin/UnknownPage.vue'),
  bound: () => import('./pages/admin/BoundKeysPage.vue'), deliveries: () => import('./pages/admin/DeliveriesPage.vue'), gateway: () => import('./pages/admin/GatewayPage.vue')
}
const components = {}
const component = name => (components[name] ||= defineAsyncComponent({ loader: lazy[name], errorComponent: ChunkProblem, delay: 0 }))
const page = (name, props = {}, title = '') => ({ component: component(name), props, title })

const isMine = form => form.kind === 'application' || !form.kind
const isFiling = form => form.kind === 'filing'
const isBase = form => form.kind === 'base'
/** A query over whose rows the list's actions are offered is a list of its own. */
const isList = query => query.actions?.some(name => !['copy', 'uses'].includes(name))

/** The menu of one form: one entry for a form of which there is one document, a tree for the others. */
async function formMenu(module, entry) {
  const definition = await definitionOf(module, entry.form)
  const at = path => `/app/${module}/${path}`
  if (definition.single) return isApplicant.value ? [{ path: at(`own/${entry.form}`), title: w(entry.title), icon: 'OfficeBuilding' }] : []
  const reported = definition.clearances?.label
  const catalogues = (definition.catalogues || []).map(item => ({ path: at(`catalogue/${entry.form}/${item.name}`), title: w(item.label) }))
  const queries = [
    ...(isApplicant.value ? [{ path: at(`list/${entry.form}`), title: w(definition.list.label) || t('menu.list') },
      ...(definition.queries || []).map(query => ({ path: at(isList(query) ? `list/${entry.form}/${query.name}` : `query/${entry.form}/${query.name}`), title: w(query.label) })),
      (definition.ledger || reported) && { path: at(`write-offs/${entry.form}`), title: reported ? w(reported) : t('menu.write_offs') }] : []),
    ...statisticsMenu(definition, path => at(`${path}/${entry.form}`))
  ].filter(Boolean)
  return [
    has(module, 'edit') && !definition.made_by_portal && { path: at(`new/${entry.form}`), title: w(definition.begin) || t('menu.apply'), icon: 'EditPen' },
    queries.length && { title: t('menu.queries'), icon: 'Search', children: queries },
    catalogues.length && { title: t('menu.catalogues'), icon: 'Files', children: catalogues },
    definition.changes && !definition.made_by_portal && { path: at(`changes/${entry.form}`), title: t('menu.changes'), icon: 'Memo' }
  ].filter(Boolean)
}

function statisticsMenu({ statistics }, at) {
  if (!statistics || !(isApplicant.value || isOfficer.value || isAdministrator.value)) return []
  return [statistics.dimensions && { path: at('statistics'), title: t('menu.statistics') }, statistics.monthly && { path: at('monthly'), title: w(statistics.monthly.title) || t('menu.monthly') }].filter(Boolean)
}

/** What is chosen into documents (exporters, clauses), and what was fetched from another system. */
async function besides(module, forms) {
  const base = isApplicant.value ? forms.filter(isBase) : []
  const fetched = isApplicant.value && (await Promise.all(forms.map(form => definitionOf(module, form.form)))).some(definition => definition.fetch && !definition.fetch.fields.some(field => field.secret))
  return [base.length && { title: t('menu.base'), icon: 'Collection', children: base.map(form => ({ path: `/app/${module}/list/${form.form}`, title: w(form.title) })) },
    fetched && { path: `/app/${module}/fetches`, title: t('menu.fetches'), icon: 'Refresh' },
    isApplicant.value && { path: `/app/${module}/push`, title: t('menu.push'), icon: 'Bell' }].filter(Boolean)
}

/** The menu of a module: what is filed once, then the tree of each form. */
async function moduleMenu(module) {
  const all = await formsOf(module)
  const forms = all.filter(form => isMine(form) || isFiling(form))
  const menus = await Promise.all(forms.map(async form => ({ form, entries: await formMenu(module, form), made: (await definitionOf(module, form.form)).made_by_portal || false })))
  menus.sort((a, b) => a.made - b.made) // what the portal makes of other documents comes after them
  const trees = menus.filter(({ entries }) => entries.some(entry => entry.children || !isOwn(entry)))
  return [...menus.filter(menu => !trees.includes(menu)).flatMap(({ entries }) => entries),
    ...(trees.length === 1 ? trees[0].entries : trees.map(({ form, entries }) => ({ title: w(form.title), icon: 'Document', children: entries.flatMap(item => item.children || [item]) }))), ...await besides(module, all)]
}
const isOwn = entry => /\/own\/[^/]+$/.test(entry.path || '')

async function moduleTitle(module) {
  const forms = (await formsOf(module)).filter(isMine)
  return forms.length === 1 ? titleOfModule(module, forms[0]) : t('module.' + module)
}

const modulePages = {
  new: (module, [form]) => page('form', { module, form }, t('menu.apply')),
  doc: (module, [form, id]) => page('form', { module, form, id }, id),
  list: (module, [form, name]) => page('list', { module, form, name }, t('menu.list')),
  query: (module, [form, name]) => page('query', { module, form, name }),
  'write-offs': (module, [form]) => page('writeOffs', { module, form }, t('menu.write_offs')),
  statistics: (module, [form]) => page('statistics', { module, form }, t('menu.statistics')),
  monthly: (module, [form]) => page('monthly', { module, form }, t('menu.monthly')),
  own: (module, [form]) => page('own', { module, form }),
  catalogue: (module, [form, name]) => page('catalogue', { module, form, name }),
  fetches: module => page('fetches', { module }, t('menu.fetches')),
  push: module => page('push', { module }, t('menu.push')),
  changes: (module, [form]) => page('changes', { module, form }, t('menu.changes'))
}

const statisticsEntries = async ({ module, form, title }, many) => statisticsMenu(await definitionOf(module, form), path => `/app/desk/${path}/${module}/${form}`)
  .map(entry => ({ ...entry, title: (many ? w(title) + ' ' : '') + entry.title, icon: 'Memo' }))

/** Forms of the modules where an officer has rights; a module that does not answer has none now. */
async function reviewedForms() {
  const modules = (await allModules()).filter(module => session.user?.rights?.[module]?.length)
  return (await Promise.all(modules.map(async module => (await formsOf(module).catch(() => [])).filter(isMine).map(form => ({ module, ...form }))))).flat()
}

/** Modules whose prints carry the agency's seal, for officers who may change it. */
async function sealedModules() {
  const managed = (await allModules()).filter(module => has(module, 'manage'))
  const sealed = await Promise.all(managed.map(async module => (await Promise.all((await formsOf(module).catch(() => [])).map(({ form }) => definitionOf(module, form)))).some(({ prints }) => prints?.some(print => print.seal))))
  return managed.filter((module, index) => sealed[index])
}

const own = {
  desk: {
    title: () => t('area.desk'),
    menu: async () => [{ path: '/app/desk/queue', title: t('menu.queue'), icon: 'Files' },
      ...(await allModules()).filter(module => has(module, 'manage')).map((module, index, all) => ({ path: `/app/desk/licences/${module}`, title: (all.length > 1 ? t('module.' + module) + ' ' : '') + t('menu.licences'), icon: 'Tickets' })),
      ...(await sealedModules()).map((module, index, all) => ({ path: `/app/desk/seal/${module}`, title: t('menu.seal') + (all.length > 1 ? ' ' + t('module.' + module) : ''), icon: 'Stamp' })),
      ...(await Promise.all((await reviewedForms()).map((form, index, all) => statisticsEntries(form, all.length > 1)))).flat()],
    pages: { queue: () => page('queue', {}, t('menu.queue')), doc: (area, [module, id]) => page('review', { module, id }, id),
      statistics: (area, [module, form]) => page('statistics', { module, form }, t('menu.statistics')), monthly: (area, [module, form]) => page('monthly', { module, form }, t('menu.monthly')), licences: (area, [module]) => page('licences', { module }, t('menu.licences')),
      seal: (area, [module]) => page('seal', { module }, t('menu.seal')) }
  },
  admin: {
    title: () => t('area.admin'),
    notice: defineAsyncComponent(() => import('./components/SeriesNotice.vue')),
    menu: async () => (isAdministrator.value ? [
      { title: t('menu.people'), icon: 'User', children: ['officers', 'enterprises', 'partners', 'bound'].map(adminEntry) },
      { title: t('menu.content'), icon: 'Document', children: ['articles', 'codes', 'series', 'layouts'].map(adminEntry) },
      { title: t('menu.operation'), icon: 'Monitor', children: ['gateway', 'mailbox', 'deliveries', 'unknown', 'audit'].map(adminEntry) }
    ] : []),
    pages: Object.fromEntries(['officers', 'enterprises', 'articles', 'mailbox', 'codes', 'audit', 'partners', 'unknown', 'series', 'layouts', 'bound', 'deliveries', 'gateway']
      .map(name => [name, () => page(name, {}, t('admin.' + name))]))
  },
  me: {
    title: () => t('area.me'),
    menu: async () => [
      { path: '/app/me/profile', title: t('me.profile'), icon: 'User' },
      { path: '/app/me/password', title: t('me.password'), icon: 'Lock' },
      isApplicant.value && { path: '/app/me/keys', title: t('me.keys'), icon: 'Key' },
      session.enterprise && { path: '/app/me/enterprise', title: t('me.enterprise'), icon: 'OfficeBuilding' },
      session.user?.enterprise_administrator && { path: '/app/me/filings', title: t('me.filings'), icon: 'Tickets' },
      session.user?.enterprise_administrator && { path: '/app/me/operators', title: t('me.operators'), icon: 'Avatar' },
      session.user?.enterprise_administrator && { path: '/app/me/api', title: t('me.api'), icon: 'Connection' }
    ].filter(Boolean),
    pages: Object.fromEntries(['profile', 'password', 'keys', 'enterprise', 'filings', 'operators', 'api'].map(name => [name, () => page(name, {}, t('me.' + name))]))
  }
}
const adminEntry = name => ({ path: '/app/admin/' + name, title: t('admin.' + name) })

/** Title, menu, first page and what stands above every page of an area; throws when the module does not answer. */
export async function areaOf(name) {
  const area = own[name]
  const menu = area ? await area.menu() : await moduleMenu(name)
  const first = menu.flatMap(entry => entry.children || [entry])[0]?.path || ''
  return { title: area ? area.title() : await moduleTitle(name), menu, first, notice: area?.notice || null }
}

/** The page at an address below the area, or null. */
export function pageOf(name, [first, ...rest]) {
  const make = (own[name]?.pages || modulePages)[first]
  return make ? make(name, rest) : null
}
