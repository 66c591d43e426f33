// The hand at the card reader and the person at the prompt of the client control, for browser tests (tests/lib/SingleWindow/Keys.pm
// has started both). SW_KEYS: {dir, port}.
import { connect } from 'node:net'
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const { dir, port } = JSON.parse(process.env.SW_KEYS)
export const controlPort = port
export const PIN = '739146'

const hand = (line) => new Promise((resolve, reject) => {
  const socket = connect(`${dir}/card`, () => socket.write(line + '\n'))
  let answer = ''
  socket.on('data', (part) => { answer += part; if (answer.includes('\n')) socket.end() })
  socket.on('close', () => (answer.startsWith('ok') ? resolve(answer.slice(3).trim()) : reject(new Error(`card: ${line}: ${answer}`))))
  socket.on('error', reject)
})
export const insert = (name) => hand(`insert ${dir}/cards/${name}`)
export const pull = () => hand('pull')
export const pullAt = (n) => hand(`pull-at ${n}`)
export const triesLeft = (n) => hand(`tries ${n}`)
export const counters = async () => Object.fromEntries([...(await hand('counters')).matchAll(/(\w+) (\d+)/g)].map(([, name, value]) => [name, Number(value)]))

/** What the person answers: pin, agrees; next: answers that come first ('refuse', 'agree', 'wait', {pin}). */
export function person(answers = {}) {
  rmSync(`${dir}/person/go`, { force: true })
  writeFileSync(`${dir}/person/person.new`, JSON.stringify({ pin: PIN, agrees: 1, next: [], ...answers }))
  renameSync(`${dir}/person/person.new`, `${dir}/person/person`)
}
export const go = () => writeFileSync(`${dir}/person/go`, '')
/** What the control's windows have shown: [{kind, description, ...}]. */
export const shown = () => (existsSync(`${dir}/person/shown`) ? readFileSync(`${dir}/person/shown`, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) : [])

/** From now on the authority's list names the card `revoked`. Programs look at it again after a second. */
export const publishList = (name) => { copyFileSync(`${dir}/${name}.crl`, `${dir}/authorities/new`); renameSync(`${dir}/authorities/new`, `${dir}/authorities/root.crl`) }

