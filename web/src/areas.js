// Areas of the shell: their menus and pages. A menu entry is {path, title, icon, children}; a page {load, props, title}.
import { defineAsyncComponent } from 'vue'
import { allModules, definitionOf, formsOf } from './forms.js'
import { t, w } from './i18n.js'
import ChunkProblem from './components/ChunkProblem.vue'
import { has, isAdministrator, session } from './session.js'

const lazy = {
  form: () => import('./pages/module/FormPage.vue'), list: () => import('./pages/module/ListPage.vue'),
  query: () => import('./pages/module/QueryPage.vue'), writeOffs: () => import('./pages/module/WriteOffsPage.vue'),
  statistics: () => import('./pages/module/StatisticsPage.vue'), changes: () => import('./pages/module/ChangesPage.vue'),
  queue: () => import('./pages/desk/QueuePage.vue'), review: () => import('./pages/desk/ReviewPage.vue'), licences: () => import('./pages/desk/LicencesPage.vue'),
  profile: () => import('./pages/account/ProfilePage.vue'), password: () => import('./pages/account/PasswordPage.vue'),
  enterprise: () => import('./pages/account/EnterprisePage.vue'), operators: () => import('./pages/account/OperatorsPage.vue'),
  officers: () => import('./pages/admin/OfficersPage.vue'), enterprises: () => import('./pages/admin/EnterprisesPage.vue'),
  articles: () => import('./pages/admin/ArticlesAdminPage.vue'), mailbox: () => import('./pages/admin/MailboxPage.vue'),
  codes: () => import('./pages/admin/CodesPage.vue'), audit: () => import('./pages/admin/AuditPage.vue'),
  partners: () => import('./pages/admin/PartnersPage.vue'), unknown: () => import('./pages/admin/UnknownPage.vue')
}
const components = {}
const component = name => (components[name] ||= defineAsyncComponent({ loader: lazy[name], errorComponent: ChunkProblem, delay: 0 }))
const page = (name, props = {}, title = '') => ({ component: component(name), props, title })

const isMine = form => form.kind === 'application' || !form.kind

/** The menu of a module: the tree of each form it has. */
async function moduleMenu(module) {
  const forms = (await formsOf(module)).filter(isMine)
  const trees = await Promise.all(forms.map(async entry => {
    const definition = await definitionOf(module, entry.form)
    const at = path => `/app/${module}/${path}`
    return [
      has(module, 'edit') && { path: at(`new/${entry.form}`), title: t('menu.apply'), icon: 'EditPen' },
      { title: t('menu.queries'), icon: 'Search', children: [
        { path: at(`list/${entry.form}`), title: t('menu.list') },
        ...(definition.queries || []).map(query => ({ path: at(`query/${entry.form}/${query.name}`), title: w(query.label) })),
        definition.ledger && { path: at(`write-offs/${entry.form}`), title: t('menu.write_offs') },
        definition.statistics && { path: at(`statistics/${entry.form}`), title: t('menu.statistics') }
      ].filter(Boolean) },
      definition.changes && { path: at(`changes/${entry.form}`), title: t('menu.changes'), icon: 'Memo' }
    ].filter(Boolean)
  }))
  if (trees.length === 1) return trees[0]
  return forms.map((entry, index) => ({ title: w(entry.title), icon: 'Document', children: trees[index].flatMap(item => item.children || [item]) }))
}

async function moduleTitle(module) {
  const forms = (await formsOf(module)).filter(isMine)
  return forms.length === 1 ? w(forms[0].title) : t('module.' + module)
}

const modulePages = {
  new: (module, [form]) => page('form', { module, form }, t('menu.apply')),
  doc: (module, [form, id]) => page('form', { module, form, id }, id),
  list: (module, [form]) => page('list', { module, form }, t('menu.list')),
  query: (module, [form, name]) => page('query', { module, form, name }),
  'write-offs': (module, [form]) => page('writeOffs', { module, form }, t('menu.write_offs')),
  statistics: (module, [form]) => page('statistics', { module, form }, t('menu.statistics')),
  changes: (module, [form]) => page('changes', { module, form }, t('menu.changes'))
}

const own = {
  desk: {
    title: () => t('area.desk'),
    menu: async () => [{ path: '/app/desk/queue', title: t('menu.queue'), icon: 'Files' },
      ...(await allModules()).filter(module => has(module, 'manage')).map(module => ({ path: `/app/desk/licences/${module}`, title: t('menu.licences'), icon: 'Tickets' }))],
    pages: { queue: () => page('queue', {}, t('menu.queue')), doc: (area, [module, id]) => page('review', { module, id }, id),
      licences: (area, [module]) => page('licences', { module }, t('menu.licences')) }
  },
  admin: {
    title: () => t('area.admin'),
    menu: async () => (isAdministrator.value ? [
      { title: t('menu.people'), icon: 'User', children: ['officers', 'enterprises', 'partners'].map(adminEntry) },
      { title: t('menu.content'), icon: 'Document', children: ['articles', 'codes'].map(adminEntry) },
      { title: t('menu.operation'), icon: 'Monitor', children: ['mailbox', 'unknown', 'audit'].map(adminEntry) }
    ] : []),
    pages: Object.fromEntries(['officers', 'enterprises', 'articles', 'mailbox', 'codes', 'audit', 'partners', 'unknown']
      .map(name => [name, () => page(name, {}, t('admin.' + name))]))
  },
  me: {
    title: () => t('area.me'),
    menu: async () => [
      { path: '/app/me/profile', title: t('me.profile'), icon: 'User' },
      { path: '/app/me/password', title: t('me.password'), icon: 'Lock' },
      session.enterprise && { path: '/app/me/enterprise', title: t('me.enterprise'), icon: 'OfficeBuilding' },
      session.user?.enterprise_administrator && { path: '/app/me/operators', title: t('me.operators'), icon: 'Avatar' }
    ].filter(Boolean),
    pages: Object.fromEntries(['profile', 'password', 'enterprise', 'operators'].map(name => [name, () => page(name, {}, t('me.' + name))]))
  }
}
const adminEntry = name => ({ path: '/app/admin/' + name, title: t('admin.' + name) })

/** Title, menu and first page of an area; throws when the module does not answer. */
export async function areaOf(name) {
  const area = own[name]
  const menu = area ? await area.menu() : await moduleMenu(name)
  const first = menu.flatMap(entry => entry.children || [entry])[0]?.path || ''
  return { title: area ? area.title() : await moduleTitle(name), menu, first }
}

/** The page at an address below the area, or null. */
export function pageOf(name, [first, ...rest]) {
  const make = (own[name]?.pages || modulePages)[first]
  return make ? make(name, rest) : null
}
