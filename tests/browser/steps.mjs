// What people do again and again, for the browser tests: signing in, choosing codes, filling in a form by its definition's paths.
import { accounts, open, url } from './lib.mjs'

// Nobody types a captcha before seeing its picture; a new picture empties the field.
export async function captcha(place) {
  await place.locator('.picture img').waitFor()
  await place.getByPlaceholder('请输入验证码').fill('TEST')
}

export async function signIn(page, name, password) {
  await page.getByPlaceholder('请输入用户名').fill(name)
  await page.getByPlaceholder('请输入密码').fill(password)
  await captcha(page)
  await page.getByRole('button', { name: '登录', exact: true }).click()
  await page.getByRole('button', { name: '退出' }).waitFor()
}

// A page of its own, signed in as a demo account, at a place of the application.
export async function as(name, path = '/', options = {}) {
  const page = await open('/#/sign-in', options)
  await signIn(page, name, accounts()[name])
  await page.goto(`${url}/#${path}`)
  return page
}

// A plain field by its label; the star of a mandatory one is part of the label's text.
export const labelled = (page, text) => page.getByLabel(new RegExp(`^\\*?${text}$`))
export const field = (page, path) => page.locator(`[data-path="${path}"]`)

// A code field as its user works it: type, Enter accepts.
export async function choose(page, path, text) {
  const input = field(page, path).getByRole('combobox')
  await input.click()
  await input.pressSequentially(text, { delay: 10 })
  await page.getByRole('listbox').getByRole('option').filter({ hasText: /\S/ }).first().waitFor()
  await input.press('Enter')
}
export async function fill(page, path, text) {
  const input = field(page, path).locator('input, textarea').first()
  await input.fill(text)
  await input.blur()
}
export const confirm = (page) => page.locator('.el-message-box').getByRole('button', { name: /确定|是|继续/ }).click()

// Waits for what no page shows. (page.waitForFunction takes the promise of an async function for a yes.)
export async function until(condition, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((done) => setTimeout(done, 100))) if (await condition()) return
  throw new Error('what was waited for did not come')
}
