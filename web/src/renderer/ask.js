// Questions before an action: sure?, an opinion, a number of copies.
import { ElMessageBox } from 'element-plus'
import { t, w } from '../i18n.js'

const buttons = () => ({ confirmButtonText: t('ok'), cancelButtonText: t('cancel') })
const cancelled = () => null

/** true when confirmed. */
export const sure = (text, title = t('please_confirm'), type = 'warning') =>
  ElMessageBox.confirm(text, title, { type, ...buttons() }).then(() => true, () => false)

/** The opinion (may be ""), or null when cancelled. */
export async function askOpinion(action) {
  if (!action.opinion) {
    if (!action.confirm) return ''
    return (await sure(w(action.confirm), w(action.label))) ? '' : null
  }
  return ElMessageBox.prompt(action.confirm ? w(action.confirm) : t('opinion.ask'), w(action.label), {
    ...buttons(), inputType: 'textarea', inputPlaceholder: action.opinion === 'required' ? t('opinion.required') : t('opinion.optional'),
    inputValidator: text => (action.opinion === 'required' && !text?.trim() ? t('opinion.required') : (text || '').length > 500 ? t('opinion.too_long') : true)
  }).then(({ value }) => (value || '').trim(), cancelled)
}

export const askCount = most => ElMessageBox.prompt(t('copy.how_many', { most }), t('copy'), {
  ...buttons(), inputValue: '1', inputPattern: /^\d+$/, inputErrorMessage: t('copy.number'),
  inputValidator: text => (Number(text) >= 1 && Number(text) <= most ? true : t('copy.number', { most }))
}).then(({ value }) => Number(value), cancelled)
