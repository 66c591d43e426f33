// What an enterprise's own system would do, with a client that was generated from the OpenAPI document: makes an application, attaches a file,
// submits it and reads it again, collects what happened from a queue; then two in bulk, and a dry run. The compiler checks that what is sent and received has the described shapes.
// Usage: node client.js <url> <key> <body as JSON>; prints one JSON line.
import { client } from './generated/client.gen.js'
import * as sw from './generated/index.js'

declare const process: { argv: string[] } // Node's

const [url, key, text] = process.argv.slice(2)
client.setConfig({ baseUrl: url, auth: () => key })

const queue = { module: 'export', way: 'collect', address: 'erp', scope: 'enterprise' } as const
await sw.exchangeSubscribe({ body: queue })
const made = await sw.exportCreateDocument({ body: { form: 'export_licence', body: JSON.parse(text) as sw.ExportLicence }, headers: { 'Idempotency-Key': 'first' } })
if (!made.data) throw new Error(JSON.stringify(made.error))
const id = made.data.document.id
const pdf = new Blob(['%PDF-1.4\ntest\n%%EOF\n'], { type: 'application/pdf' })
const file = await sw.exportAttachFile({ path: { id }, query: { type: '01', name: 'contract.pdf' }, body: pdf, bodySerializer: body => body as never })
const early = await sw.exportActOnDocument({ path: { id, action: 'withdraw' }, body: {}, headers: { 'If-Match': '*' } })
const submitted = await sw.exportActOnDocument({ path: { id, action: 'submit' }, body: {}, headers: { 'If-Match': '*' } })
const read = await sw.exportReadDocument({ path: { id } })
const list = await sw.exportListDocuments({ query: { form: 'export_licence', filters: { state: 'PENDING_FIRST' } } })
const events = await sw.exportListEvents({ path: { id } })
const waiting = async () => (await sw.exchangeCollect({ path: { queue: queue.address }, query: { count: 10 } })).data?.items ?? []
let changes = await waiting()
for (let i = 0; i < 600 && !changes.length; i++, changes = await waiting()) await new Promise(resolve => setTimeout(resolve, 50))
await sw.exchangeAcknowledge({ path: { queue: queue.address }, body: { ids: changes.map(change => change.id) } })
const log = await sw.exchangeListDeliveries({ query: { way: 'collect' } })
const collected = [changes[0]?.data.document, changes[0]?.data.to, (await waiting()).length, log.data?.items[0]?.state]
const job = await sw.exportCreateMany({ path: { form: 'export_licence' }, body: [{ base: { year: 2026 } }, { base: { year: 2026, customs_port: 'nowhere' } }] as sw.ExportBody[] })
const seen = async () => (await sw.exportReadJob({ path: { id: job.data?.job ?? '0' } })).data
let bulk = await seen()
for (let i = 0; i < 600 && bulk?.state !== 'done'; i++, bulk = await seen()) await new Promise(resolve => setTimeout(resolve, 50))
const tried = await sw.exportCreateDocument({ query: { dry_run: 1 }, body: { form: 'export_licence', body: { base: { year: 2026 } } } })
const refused = await sw.exportCreateDocument({ body: { form: 'export_licence', body: { base: { year: 'x' } } as unknown as sw.ExportLicence } })
const unknown = await sw.exportReadDocument({ path: { id: '1' } })

console.log(JSON.stringify({
  id, file: file.data?.type, early: early.error?.status, state: submitted.data?.document.state, read: read.data?.document.application_no, goods: (read.data?.body as sw.ExportLicence | undefined)?.goods,
  listed: list.data?.items.map(row => row.id), events: events.data?.events.map(event => event.action), field: refused.error?.errors?.[0]?.field, unknown: unknown.error?.status,
  bulk: bulk?.results?.map(result => [result.row, result.ok, result.problems?.[0]?.field ?? '']), tried: tried.data?.document.state, collected,
}))
