// The hand at the card reader and the person at the prompt of the client control, for browser tests (tests/lib/SingleWindow/Keys.pm
// has started both). SW_KEYS: {dir, port, authorities}.
import { createHash } from 'node:crypto'
import { request } from 'node:http'
import { connect } from 'node:net'
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { url } from './lib.mjs'
import { until } from './steps.mjs'

const { dir, port, authorities } = JSON.parse(process.env.SW_KEYS)
export const controlPort = port
export const PIN = '739146'

const hand = (line) => new Promise((resolve, reject) => {
  const socket = connect(`${dir}/card`, () => socket.write(line + '\n'))
  let answer = ''
  socket.on('data', (part) => { answer += part; if (answer.includes('\n')) socket.end() })
  socket.on('close', () => (answer.startsWith('ok') ? resolve(answer.slice(3).trim()) : reject(new Error(`card: ${line}: ${answer}`))))
  socket.on('error', reject)
})

// The pairing that Keys.pm made from the start: what the control shows, asked for beside the page.
const secret = createHash('sha256').update(`${url} ${dir}`).digest('hex')
const ask = (method, path) => new Promise((resolve, reject) => request({ host: '127.0.0.1', port, method, path, headers: { Origin: url, Authorization: `Bearer ${secret}` } }, (answer) => {
  let text = ''
  answer.on('data', (part) => { text += part }).on('end', () => resolve(text && JSON.parse(text)))
}).on('error', reject).end())
const state = () => ask('GET', '/state')
/** What 60 seconds do to a batch. */
export const endBatch = (batch) => ask('DELETE', `/batches/${batch}`)
const shows = (there) => until(async () => (await state()).readers.some((reader) => reader.key) === there)

/** Puts a card in, taking out the one that is there; takes it out. Both until the control has seen it. */
export async function insert(name) {
  await pull()
  await hand(`insert ${dir}/cards/${name}`)
  await shows(true)
}
export async function pull() {
  await hand('pull')
  await shows(false)
}
export const pullAt = (n) => hand(`pull-at ${n}`)
export const triesLeft = (n) => hand(`tries ${n}`)
/** What the issuer does to a blocked card that lies before them. */
export function unblock(name) {
  const file = `${dir}/cards/${name}/state`
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^pin_tries .*/m, 'pin_tries 3'))
}
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
export const publishList = (name) => { copyFileSync(`${dir}/${name}.crl`, `${authorities}/new`); renameSync(`${authorities}/new`, `${authorities}/authority.crl`) }

