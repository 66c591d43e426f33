// Questions before an action: sure?, an opinion, a number of copies.
import { ElMessageBox } from 'element-plus'
import { t, w } from '../i18n.js'

// the second half of a double click must not close the question
const buttons = () => ({ confirmButtonText: t('ok'), cancelButtonText: t('cancel'), closeOnClickModal: false })
const cancelled = () => null

/** true when confirmed. */
export const sure = (text, title = t('please_confirm'), type = 'warning', more = {}) =>
  ElMessageBox.confirm(text, title, { type, ...buttons(), ...more }).then(() => true, () => false)

/** The opinion (may be ""), or null when cancelled. `count`: of how many documents; `promise`: what is promised by going on. */
export async function askOpinion(action, { count = 0, promise = '' } = {}) {
  const text = [count && t('batch.count', { n: count }), w(action.confirm) || (action.opinion && t('opinion.ask'))].filter(Boolean).join('\n')
  if (!action.opinion) {
    if (promise) return (await sure(`${text}\n\n${t('promise.words', { promise })}`, w(action.label), 'info', { confirmButtonText: t('promise.accept') })) ? '' : null
    if (!text) return ''
    return (await sure(text, w(action.label))) ? '' : null
  }
  return ElMessageBox.prompt(text, w(action.label), {
    ...buttons(), inputType: 'textarea', inputPlaceholder: action.opinion === 'required' ? t('opinion.required') : t('opinion.optional'),
    inputValidator: text => (action.opinion === 'required' && !text?.trim() ? t('opinion.required') : (text || '').length > 500 ? t('opinion.too_long') : true)
  }).then(({ value }) => (value || '').trim(), cancelled)
}

/** Words that must be given (a reason), or null when cancelled. */
export const askText = (text, title, placeholder) => ElMessageBox.prompt(text, title, {
  ...buttons(), inputType: 'textarea', inputPlaceholder: placeholder,
  inputValidator: given => (!given?.trim() ? t('field.missing') : given.length > 200 ? t('reason.too_long') : true)
}).then(({ value }) => value.trim(), cancelled)

export const askCount = most => ElMessageBox.prompt(t('copy.how_many', { most }), t('copy'), {
  ...buttons(), inputValue: '1', inputPattern: /^\d+$/, inputErrorMessage: t('copy.number'),
  inputValidator: text => (Number(text) >= 1 && Number(text) <= most ? true : t('copy.number', { most }))
}).then(({ value }) => Number(value), cancelled)
