// Values taken over from another document, once it was chosen.
import { get } from '../api.js'
import { definitionOf } from '../forms.js'
import { findField } from './definition.js'

/** `fill` says {field here: field there}; what has no such plain field there is the server's business. */
export async function valuesFrom(module, form, id, fill) {
  const [{ body }, definition] = await Promise.all([get(`/${module}/documents/${id}`), definitionOf(module, form)])
  const found = Object.entries(fill).map(([own, there]) => [own, there, findField(definition, there)]).filter(([, , from]) => from)
  return Object.fromEntries(found.map(([own, there, from]) => [own, body[from.block.name]?.[there] ?? '']))
}
