// The behaviour of a box with a list under it (a combobox): opening, moving, accepting, closing.
import { nextTick, ref } from 'vue'

export function useOptions({ options, accept, onOpen, onClose }) {
  const open = ref(false)
  const active = ref(0)

  function show() {
    if (open.value) return
    open.value = true
    active.value = 0
    onOpen?.()
  }
  function hide() {
    if (!open.value) return
    open.value = false
    onClose?.()
  }
  function choose(index) {
    const item = options.value[index]
    if (!item) return false
    accept(item)
    open.value = false
    return true
  }
  function move(step) {
    if (!open.value) return show()
    active.value = Math.min(Math.max(active.value + step, 0), Math.max(options.value.length - 1, 0))
  }

  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }
  /** true when the key was for the list; after Enter has accepted, the form's own handler goes on to the next field. */
  function key(event) {
    if (event.isComposing) return true
    if (event.key in moves) {
      event.preventDefault()
      move(moves[event.key])
      return true
    }
    if (event.key === 'Escape' && open.value) {
      event.stopPropagation()
      event.preventDefault()
      hide()
      return true
    }
    if (event.key === 'Enter' && open.value && options.value.length) {
      choose(active.value)
      return false
    }
    return false
  }
  const first = () => nextTick(() => { active.value = 0 })
  return { open, active, show, hide, choose, key, first }
}
