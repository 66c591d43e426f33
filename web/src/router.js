// Addresses. Inside an area (a module, the desk, administration, one's own account) the shell finds its pages: areas.js.
import { createRouter, createWebHashHistory } from 'vue-router'
import { session } from './session.js'
import { t } from './i18n.js'

const page = name => () => import(`./pages/portal/${name}.vue`)

export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (to, from, saved) => saved || (to.path === from.path ? false : { top: 0 }),
  routes: [
    { path: '/', component: page('HomePage') },
    { path: '/sign-in', component: page('SignInPage') },
    { path: '/register', component: page('RegisterPage') },
    { path: '/recover/:what(password|name)', component: page('RecoverPage'), props: true },
    { path: '/articles/:kind', component: page('ArticlesPage'), props: true },
    { path: '/article/:id', component: page('ArticlePage'), props: true },
    { path: '/verify', component: page('VerifyPage') },
    { path: '/developers', component: page('DevelopersPage') },
    { path: '/app/:area/:rest(.*)*', component: () => import('./pages/ShellPage.vue'), meta: { signedIn: true } },
    { path: '/:rest(.*)*', component: page('NotFoundPage') }
  ]
})

router.beforeEach(to => {
  if (to.meta.signedIn && !session.signed_in && !session.problem) return { path: '/sign-in', query: { to: to.fullPath } }
})
router.afterEach(() => { document.title = t('portal.name') })
