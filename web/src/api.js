// The one place that talks to the programs: JSON, problem details, the CSRF token, versions and idempotency keys.
import { t, w } from './i18n.js'

let csrf = ''
let renewSession = null
let signedOut = () => {}

export const setCsrf = token => { csrf = token || '' }
/** renew() asks for the session again; gone() is told when the server no longer knows us. */
export function watchSession(renew, gone) { renewSession = renew; signedOut = gone }

export class Problem extends Error {
  constructor(status, details = {}, retryAfter = 0) {
    super(w(details.message) || details.detail || details.title || t(status ? 'problem.unknown' : 'problem.offline'))
    Object.assign(this, { status, details, retryAfter, field: details.field, errors: details.errors || [] })
  }
  get unavailable() { return this.status === 0 || this.status >= 502 }
}

export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), b => b.toString(16).padStart(2, '0')).join('')

export function address(path, query) {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query || {})) if (value !== '' && value != null) parameters.set(name, value)
  const text = parameters.toString()
  return '/api' + path + (text ? '?' + text : '')
}

function headersOf(method, options) {
  const headers = { Accept: 'application/json, application/problem+json' }
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf
  if (options.version != null) headers['If-Match'] = `"${options.version}"`
  if (options.key) headers['Idempotency-Key'] = options.key
  if (options.body !== undefined) headers['Content-Type'] = options.type || 'application/json'
  return headers
}

async function readProblem(response) {
  let details = {}
  try { details = JSON.parse(await response.text()) } catch { /* a proxy's own page */ }
  return new Problem(response.status, details, Number(response.headers.get('Retry-After')) || 0)
}

async function send(method, path, options) {
  const body = options.body === undefined || options.type ? options.body : JSON.stringify(options.body)
  try {
    return await fetch(address(path, options.query), { method, headers: headersOf(method, options), body, credentials: 'same-origin',
      signal: options.signal })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Problem(0)
  }
}

/** options: query, body, type (of a body that is no JSON), version, key, as: 'blob' | 'text', quiet (no word about 401). */
export async function request(method, path, options = {}, again = true) {
  const response = await send(method, path, options)
  if (response.ok) {
    if (options.as) return response[options.as]()
    return response.status === 204 ? null : response.json()
  }
  const problem = await readProblem(response)
  // the token changed in another tab: take the new one and try once more
  if (again && problem.status === 403 && /csrf/.test(problem.details.type || '') && renewSession) {
    await renewSession()
    return request(method, path, options, false)
  }
  if (problem.status === 401 && !options.quiet) signedOut()
  throw problem
}

export const get = (path, query, options) => request('GET', path, { ...options, query })
export const post = (path, body, options) => request('POST', path, { ...options, body: body ?? {} })
export const put = (path, body, options) => request('PUT', path, { ...options, body })
export const remove = (path, options) => request('DELETE', path, options)

/** Sends a file and tells how far it is (0 to 1). */
export function upload(path, query, file, progress) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest()
    call.open('POST', address(path, query))
    call.setRequestHeader('X-CSRF-Token', csrf)
    call.setRequestHeader('Content-Type', file.type || 'application/octet-stream')
    call.upload.onprogress = event => event.lengthComputable && progress?.(event.loaded / event.total)
    call.onerror = () => reject(new Problem(0))
    call.onload = () => {
      let answer = {}
      try { answer = JSON.parse(call.responseText) } catch { /* no JSON: the status says it */ }
      if (call.status < 300) return resolve(answer)
      reject(new Problem(call.status, answer, Number(call.getResponseHeader('Retry-After')) || 0))
    }
    call.send(file)
  })
}

/** Hands a file of the server's to the browser's downloads, or opens it in a new tab. */
export async function download(path, { query, body, name, open } = {}) {
  const blob = await request(body ? 'POST' : 'GET', path, { query, body, as: 'blob' })
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  if (open) { link.target = '_blank'; link.rel = 'noopener' } else link.download = blob.type === 'application/zip' ? (name || 'file').replace(/\.\w+$/, '') + '.zip' : name || ''
  document.body.append(link)
  link.click()
  link.remove()
  setTimeout(() => URL.revokeObjectURL(url), 60000)
}
