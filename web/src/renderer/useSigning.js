// Signing documents with a key and submitting them: prepared by the server, signed by the key, submitted one by one as they are signed.
import { reactive } from 'vue'
import { get, newKey, post } from '../api.js'
import { certificateOf, closeBatch, KeyProblem, openBatch, signDocument } from '../ekey.js'
import { t } from '../i18n.js'

const CHUNK = 50 // documents of one entry of the PIN
const FRESH = 8 * 60000 // milliseconds: prepared ones hold for ten minutes
const AT_ONCE = 4 // submissions under way

const plain = serial => String(serial || '').toUpperCase().replace(/[^0-9A-F]/g, '').replace(/^0+/, '')
const EMPTY = /<SignatureValue(?:\/>|><\/SignatureValue>)/

/** The signed document: the last SignatureValue is the signature's own, whatever the form calls its elements. */
function fillIn(xml, signature) {
  const at = xml.lastIndexOf('<SignatureValue')
  return xml.slice(0, at) + xml.slice(at).replace(EMPTY, `<SignatureValue>${signature}</SignatureValue>`)
}

/** The keys that this account can sign with: bound, and neither given up nor revoked. */
export const boundKeys = async () => (await get('/account/keys')).items.filter(item => !['unbound', 'revoked'].includes(item.state))

/** documents: rows (id, version, application_no). submit(document, {token, signed}, key): sends one; what it gives is its result. */
export function useSigning(module, action, documents, bound, submit) {
  // again: why there is more to do after an entry of the PIN: chunk, over, or a problem of the key
  const work = reactive({ signing: false, done: 0, total: documents.length, signed: 0, results: [], again: '', stopped: false, finished: false })
  let waiting = [...documents], prepared = [], preparedAt = 0

  /** The bound key that is this one, by its certificate to sign with. */
  const boundOf = key => bound.find(item => plain(item.serial) === plain(certificateOf(key, '9C')?.serial))
  const left = () => prepared.length + waiting.length

  function settle(document, result) {
    work.results.push({ id: document.id, ...result })
    work.done++
  }
  const fails = (document, problem) => settle(document, { ok: false, message: problem.message, problem })

  async function prepare(key) {
    if (prepared.length && Date.now() - preparedAt < FRESH) return
    const chunk = prepared.length ? prepared.map(item => item.row) : waiting.splice(0, CHUNK)
    if (!chunk.length) return
    prepared = []
    preparedAt = Date.now()
    try {
      const { items } = await post(`/${module}/signatures/prepare`, { action, documents: chunk.map(({ id, version }) => ({ id, version })), key: boundOf(key).id })
      for (const item of items) {
        const row = chunk.find(document => String(document.id) === String(item.id))
        if (item.error) settle(row, { ok: false, message: item.error.message, problem: { details: item.error, errors: item.error.errors || [], message: item.error.message } })
        else prepared.push({ ...item, row })
      }
    } catch (problem) {
      waiting = [...chunk, ...waiting]
      throw problem
    }
  }

  async function send({ row, token, signed }, signature) {
    try { settle(row, { ok: true, ...await submit(row, { token, signed: fillIn(signed, signature) }, newKey()) }) } catch (problem) { fails(row, problem) }
  }

  /** Signs what is prepared until the batch is over; why it ended before its end, or nothing. */
  async function signAll(batch) {
    const sending = new Set()
    let why = ''
    while (prepared.length && !work.stopped && !why) {
      const item = prepared[0]
      try {
        const signature = await signDocument(batch, item)
        prepared.shift()
        work.signed++
        const sent = send(item, signature).finally(() => sending.delete(sent))
        sending.add(sent)
        if (sending.size >= AT_ONCE) await Promise.race(sending)
      } catch (problem) {
        if (!(problem instanceof KeyProblem)) throw problem
        // one document's own fault stops no other
        if (['bad_document', 'not_in_batch', 'too_large'].includes(problem.code)) { prepared.shift(); fails(item.row, problem) } else why = problem.code === 'batch_over' ? 'over' : problem.message
      }
    }
    await Promise.all(sending)
    return why
  }

  /** One entry of the PIN. Throws what keeps it from beginning (a wrong PIN); afterwards work.again says why there is more to do. */
  async function run(credentials, key) {
    Object.assign(work, { again: '', stopped: false })
    let why = ''
    try {
      while (waiting.length && !prepared.length) await prepare(key)
      await prepare(key)
      if (prepared.length) {
        const batch = await openBatch(credentials, prepared.map(item => item.application_no))
        work.signing = true
        why = await signAll(batch)
        if (prepared.length) closeBatch(batch)
      }
    } finally { work.signing = false }
    if (left()) work.again = why || (work.stopped ? 'stopped' : 'chunk')
    else finish()
  }

  /** What is left is not submitted; says so of each. */
  function finish() {
    for (const row of [...prepared.map(item => item.row), ...waiting]) settle(row, { ok: false, message: t('sign.not_signed'), unsent: true })
    prepared = []
    waiting = []
    work.results.sort((a, b) => a.ok - b.ok)
    work.finished = true
  }
  return { work, boundOf, left, run, finish, stop: () => { work.stopped = true } }
}
