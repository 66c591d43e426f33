import { createApp } from 'vue'
import App from './App.vue'
import { router } from './router.js'
import { startLanguage } from './i18n.js'
import { loadSession } from './session.js'
import './styles/base.css'
import './styles/element.css'
import './styles/parts.css'

Promise.all([startLanguage(), loadSession()]).then(() => createApp(App).use(router).mount('#app'))
