// Handlers listen while the key goes down to its field (capture): the calendar keeps Enter to itself on the way up.
// The form by keyboard: Enter goes to the next field, Ctrl+Enter makes a new line, Ctrl+S saves.
// what is chosen elsewhere (`data-stop`) cannot be typed into, but the cursor stops there
const FIELDS = 'input:not([type=hidden]):not([readonly]):not(:disabled), input[data-stop], textarea:not([readonly]):not(:disabled), select:not(:disabled)'

export function fieldsIn(container) {
  const seen = new Set()
  return [...container.querySelectorAll(FIELDS)].filter(element => {
    if (!element.offsetParent || element.type === 'checkbox' || element.type === 'file') return false
    // of a group of radio buttons only one is a stop
    if (element.type !== 'radio') return true
    if (seen.has(element.name)) return false
    seen.add(element.name)
    return true
  })
}

function next(container, from) {
  const all = fieldsIn(container)
  const at = all.findIndex(element => element === from || (from.type === 'radio' && element.name === from.name))
  const target = all[at + 1]
  if (!target) return
  const radio = target.type === 'radio' && container.querySelector(`input[name="${target.name}"]:checked`)
  ;(radio || target).focus()
}

function newLine(area) {
  area.setRangeText('\n', area.selectionStart, area.selectionEnd, 'end')
  area.dispatchEvent(new Event('input', { bubbles: true }))
}

export function formKeys(event, save, onwards = next) {
  const target = event.target
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
    event.preventDefault()
    return save()
  }
  if (event.key !== 'Enter' || event.isComposing || !target.matches(FIELDS) || ['button', 'file', 'checkbox'].includes(target.type)) return
  event.preventDefault()
  if (event.ctrlKey && target.tagName === 'TEXTAREA') return newLine(target)
  if (event.ctrlKey) return
  // after the field's own handler has taken the value, or has said that the cursor stays
  const container = event.currentTarget
  setTimeout(async () => { if (!(await event.stays)) onwards(container, target) })
}

/** Brings a field to sight and puts the cursor there. */
export function focusElement(id) {
  const element = document.getElementById(id)
  if (!element) return false
  const control = element.matches('[role=radiogroup]') ? element.querySelector('input:checked') || element.querySelector('input') : element
  control.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })
  control.focus({ preventScroll: true })
  return true
}
