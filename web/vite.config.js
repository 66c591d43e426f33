import { defineConfig } from 'vite'
import vue from '@vitejs/plugin-vue'
import components from 'unplugin-vue-components/vite'
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers'

// BACKEND=http://127.0.0.1:8080 npm run dev: the pages from here, everything else from a running instance
const backend = process.env.BACKEND || 'http://127.0.0.1:8080'

export default defineConfig({
  base: './',
  plugins: [
    vue(),
    // Element Plus: only the components a page names, each with its own style sheet
    components({ dirs: [], dts: false, resolvers: [ElementPlusResolver({ importStyle: 'css' })] })
  ],
  build: {
    target: ['chrome80', 'edge80', 'firefox80', 'safari14'],
    chunkSizeWarningLimit: 400,
    rollupOptions: {
      output: {
        // what every page needs changes seldom: a chunk of its own stays in the browser's cache
        manualChunks: id => (/node_modules\/(vue|@vue|vue-router)\//.test(id) ? 'vue' : undefined)
      }
    }
  },
  server: { proxy: { '/api': backend, '/forms': backend } }
})
