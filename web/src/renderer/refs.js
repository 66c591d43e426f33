// Numbers of documents that fields refer to: each is asked for once.
import { reactive } from 'vue'
import { get } from '../api.js'

const numbers = reactive(new Map())
const asked = new Set()

export const remember = (module, row) => numbers.set(`${module}/${row.id}`, row.licence_no || row.application_no || row.reference_no || row.id)

/** Its id until the number is here, and where it cannot be had. */
export function refNumber(module, id) {
  const key = `${module}/${id}`
  if (!asked.has(key)) {
    asked.add(key)
    get(`/${module}/documents/${id}`, null, { quiet: true }).then(({ document }) => remember(module, document)).catch(() => asked.delete(key))
  }
  return numbers.get(key) || id
}
