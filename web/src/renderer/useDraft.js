// Unsaved input survives a reload: it is kept in this browser, per person and document, and offered back.
import { onScopeDispose, watch } from 'vue'

const PREFIX = 'draft:'
const KEPT = 14 * 86400000 // a forgotten draft goes after two weeks

function forgetOld() {
  for (const name of Object.keys(localStorage)) {
    if (!name.startsWith(PREFIX)) continue
    try { if (JSON.parse(localStorage[name]).at < Date.now() - KEPT) localStorage.removeItem(name) } catch { localStorage.removeItem(name) }
  }
}

export function useDraft(key, form, version) {
  let name = PREFIX + key, timer = 0

  function keep() {
    clearTimeout(timer)
    if (!form.dirty || !form.editable) return
    try {
      localStorage.setItem(name, JSON.stringify({ at: Date.now(), version: version(), body: form.body() }))
    } catch { /* the browser's store is full or closed: the form itself still works */ }
  }
  const stop = watch(() => [form.content, form.dirty], () => { clearTimeout(timer); timer = setTimeout(keep, 500) }, { deep: true })
  window.addEventListener('pagehide', keep)
  onScopeDispose(() => { stop(); clearTimeout(timer); window.removeEventListener('pagehide', keep) })
  forgetOld()

  return {
    keep,
    clear() { clearTimeout(timer); localStorage.removeItem(name) },
    rename(next) { name = PREFIX + next },
    offer() {
      try {
        const draft = JSON.parse(localStorage.getItem(name))
        return draft && JSON.stringify(draft.body) !== JSON.stringify(form.body()) ? draft : null
      } catch { return null }
    }
  }
}
