// The owner's filing that a definition asks for: what it offers to this form.
import { get } from '../api.js'
import { rowsIn } from './show.js'

/** The rows of a block of the filing; none when there is no filing. */
export async function filedRows(module, definition, block) {
  try {
    const { items } = await get(`/${module}/documents`, { form: definition.filing.form, size: 1 })
    if (!items.length) return []
    return rowsIn((await get(`/${module}/documents/${items[0].id}`)).body[block])
  } catch { return [] }
}
