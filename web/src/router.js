// Addresses. Inside an area (a module, the desk, administration, one's own account) the shell finds its pages: areas.js.
import { watch } from 'vue'
import { createRouter, createWebHashHistory } from 'vue-router'
import { session } from './session.js'
import { language, t } from './i18n.js'

/** What the browser's tab and a screen reader call the page: its own name first. */
export const nameDocument = (...names) => { document.title = [...names, t('portal.name')].filter(Boolean).join(' - ') }

const page = name => () => import(`./pages/portal/${name}.vue`)

export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (to, from, saved) => saved || (to.path === from.path ? false : { top: 0 }),
  routes: [
    { path: '/', component: page('HomePage') },
    { path: '/sign-in', component: page('SignInPage'), meta: { title: 'sign_in' } },
    { path: '/register', component: page('RegisterPage'), meta: { title: 'register.title' } },
    { path: '/recover/:what(password|name)', component: page('RecoverPage'), props: true, meta: { title: ({ what }) => 'recover.' + what } },
    { path: '/articles/:kind', component: page('ArticlesPage'), props: true, meta: { title: ({ kind }) => 'kind.' + kind } },
    { path: '/article/:id', component: page('ArticlePage'), props: true },
    { path: '/verify', component: page('VerifyPage'), meta: { title: 'verify.title' } },
    { path: '/developers', component: page('DevelopersPage'), meta: { title: 'developers.title' } },
    { path: '/app/:area/:rest(.*)*', component: () => import('./pages/ShellPage.vue'), meta: { signedIn: true } },
    { path: '/:rest(.*)*', component: page('NotFoundPage'), meta: { title: 'missing.title' } }
  ]
})

// where somebody is on the way to, until they have arrived
let bound = null
router.beforeEach(to => { bound = to })
const arrived = to => { if (bound === to) bound = null }
router.afterEach(arrived)
router.onError((problem, to) => arrived(to))
/** Gives the place where somebody is another address; who has meanwhile set out for another place is not called back. */
export const readdress = path => { if (!bound) router.replace(path) }

router.beforeEach(to => {
  if (to.meta.signedIn && !session.signed_in && !session.problem) return { path: '/sign-in', query: { to: to.fullPath } }
})
// inside the shell, the page that is open names it
const titleOf = ({ meta: { title }, params }) => (typeof title === 'function' ? title(params) : title)
const name = to => { if (!to.meta.signedIn) nameDocument(titleOf(to) && t(titleOf(to))) }
router.afterEach(name)
watch(language, () => name(router.currentRoute.value))
