// Code tables: loaded whole and searched here; large catalogues (fields with a lookup) row by row from the server.
import { get } from './api.js'
import { language } from './i18n.js'
import { today } from './session.js'

const FIXED = 4 // code, name, name_en, letters come first in every table

const tables = new Map()
const single = new Map()

function toTable(answer) {
  const at = Object.fromEntries(answer.columns.map((name, index) => [name, index]))
  const rows = answer.rows.map(row => Object.fromEntries(answer.columns.map((name, index) => [name, row[index]])))
  return { list: answer.list, columns: answer.columns, own: answer.columns.slice(FIXED), at, rows, byCode: groupByCode(rows) }
}

function groupByCode(rows) {
  const map = new Map()
  for (const row of rows) map.has(row.code) ? map.get(row.code).push(row) : map.set(row.code, [row])
  return map
}

export function loadTable(module, list) {
  const key = `${module}/${list}`
  if (!tables.has(key)) {
    const entry = { table: null }
    entry.promise = get(`/${module}/codes/${list}`).then(answer => (entry.table = toTable(answer)))
      .catch(error => { tables.delete(key); throw error })
    tables.set(key, entry)
  }
  return tables.get(key).promise
}

export const tableNow = (module, list) => tables.get(`${module}/${list}`)?.table || null
export const forgetTable = list => { for (const key of tables.keys()) if (key.endsWith('/' + list)) tables.delete(key) }

const validToday = row => (!row.valid_from || row.valid_from <= today()) && (!row.valid_until || row.valid_until >= today())
const fits = (row, scheme) => !scheme || row.scheme === scheme

/** The row of a code in a table that is here; one that is valid today before one that is not. */
export function findRow(module, list, code, scheme) {
  if (!code) return null
  const rows = (tableNow(module, list)?.byCode.get(String(code)) || single.get(`${module}/${list}/${code}`) || [])
    .filter(row => fits(row, scheme))
  return rows.find(validToday) || rows[0] || null
}

export const rowName = row => (row ? (language.value === 'en' && row.name_en) || row.name : '')
export const codeName = (module, list, code, scheme) => rowName(findRow(module, list, code, scheme)) || code || ''

/** The row of a code of a large catalogue; asked for once. */
export async function fetchRow(module, list, code) {
  const key = `${module}/${list}/${code}`
  if (!single.has(key)) {
    const { rows } = await searchTable(module, list, { code, size: 20 })
    single.set(key, rows.filter(row => row.code === String(code)))
  }
  return findRow(module, list, code)
}

export function rememberRow(module, list, row) {
  single.set(`${module}/${list}/${row.code}`, [row])
}

export async function searchTable(module, list, query) {
  const answer = await get(`/${module}/codes/${list}/search`, query)
  return { total: answer.total, columns: answer.columns,
    rows: answer.rows.map(row => (Array.isArray(row) ? Object.fromEntries(answer.columns.map((name, index) => [name, row[index]])) : row)) }
}

/** Rows that may be chosen now: of the scheme, valid, with the columns that a field's filter demands and under its parent. */
export function choices(table, { scheme, filter, parent } = {}) {
  return table.rows.filter(row => fits(row, scheme) && validToday(row) &&
    Object.entries(filter || {}).every(([name, value]) => row[name] === value) && (parent === undefined || row.parent === parent))
}

/** Digits find by code, letters by pinyin initials or English name, anything else by name; parts in any order (fuzzy). */
export function matching(rows, query) {
  const parts = query.trim().toLowerCase().split(/\s+/).filter(Boolean)
  if (!parts.length) return rows
  const scored = []
  for (const row of rows) {
    let worst = 0
    for (const part of parts) worst = Math.max(worst, score(row, part))
    if (worst < 9) scored.push([worst, row])
  }
  return scored.sort((a, b) => a[0] - b[0]).map(entry => entry[1])
}

function score(row, part) {
  const code = row.code.toLowerCase(), letters = (row.letters || '').toLowerCase()
  if (code === part) return 0
  if (code.startsWith(part)) return 1
  if (letters.startsWith(part) || row.name.startsWith(part)) return 2
  if (row.name.includes(part) || letters.includes(part) || (row.name_en || '').toLowerCase().includes(part)) return 3
  if (code.includes(part)) return 4
  return subsequence(row.name + letters, part) ? 5 : 9
}

function subsequence(text, part) {
  if (part.length < 2) return false
  let at = 0
  for (const character of text) if (character === part[at] && ++at === part.length) return true
  return false
}
