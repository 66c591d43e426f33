// A list over documents: filters from the definition, pages, ticked rows.
import { computed, reactive } from 'vue'
import { get } from '../../api.js'
import { steady } from '../../pointer.js'

export function useList(path, { filters, size = 10, fixed = {}, fallback = () => ({}) }) {
  const entry = reactive({})
  const list = reactive({ items: [], total: '0', page: 1, size, busy: false, problem: null, narrowed: false, ticked: new Set(), changed: new Set() })
  let asked = 0, last = {}

  function clear() {
    for (const filter of filters()) {
      if (filter.match === 'dates') Object.assign(entry, { [filter.column + '_from']: '', [filter.column + '_to']: '' })
      else entry[filter.column] = filter.match === 'state' ? [] : ''
    }
  }
  const query = () => Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]).filter(([, value]) => value !== ''))

  async function load(page = list.page) {
    const mine = ++asked
    Object.assign(list, { busy: true, problem: null })
    try {
      last = { ...fixed, ...fallback(), ...query(), page, size: list.size }
      const answer = await get(path(), last)
      if (mine !== asked) return
      Object.assign(list, { items: answer.items, total: answer.total, page, narrowed: Object.keys(query()).length > 0 })
      list.ticked.clear()
      // the last page may have gone with what was deleted from it
      if (!answer.items.length && page > 1) await load(page - 1)
    } catch (problem) { if (mine === asked) list.problem = problem }
    if (mine === asked) list.busy = false
  }
  /** What the list shows, anew: the same page and filters, ticks stay; the rows of these documents are marked for a moment. */
  async function refresh(ids = []) {
    const mine = asked
    if (list.busy) return
    if (list.problem) return load()
    const answer = await get(path(), last, { quiet: true }).catch(() => null)
    await steady()
    if (!answer || mine !== asked) return
    if (!answer.items.length && list.page > 1) return load()
    Object.assign(list, { items: answer.items, total: answer.total })
    for (const id of [...list.ticked]) if (!answer.items.some(item => item.id === id)) list.ticked.delete(id)
    list.changed = new Set(ids)
  }
  const resize = next => { list.size = next; return load(1) }
  const chosen = computed(() => list.items.filter(item => list.ticked.has(item.id)))
  return { entry, list, chosen, load, refresh, resize, clear, reset: () => { clear(); return load(1) }, query }
}
