// Between a press and the click it becomes nothing on the page may move, or the click misses: what moves things waits for steady().
let pressed = false
const waiting = []

function release() {
  // the click comes after the pointer is up, in the same task
  setTimeout(() => { pressed = false; waiting.splice(0).forEach(go => go()) })
}
addEventListener('pointerdown', () => { pressed = true }, true)
// a list that the browser itself opens, or a scroll bar, swallows the pointer's end: the next thing done ends the press, too
for (const name of ['pointerup', 'pointercancel', 'keydown', 'input']) addEventListener(name, release, true)

export const steady = () => (pressed ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve())
