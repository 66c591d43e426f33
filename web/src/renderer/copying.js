// A copying action that sets fields (a re-issue): one new document, to go on with.
import { newKey, post } from '../api.js'
import { w } from '../i18n.js'
import { sure } from './ask.js'

/** The id of the new document, or nothing when it was not meant. */
export async function copyAs(module, id, action) {
  if (!(await sure(w(action.confirm), w(action.label)))) return null
  return (await post(`/${module}/documents/${id}/copy`, { action: action.name }, { key: newKey() })).ids[0]
}
