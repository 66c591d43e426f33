// What people do again and again, for the browser tests: signing in, choosing codes, filling in a form by its definition's paths.
import { basename } from 'node:path'
import { accessible, accounts, fits, idle, open, url } from './lib.mjs'

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
  await page.waitForURL((address) => !address.hash.startsWith('#/sign-in')) // which leads on by itself
}

// A page of its own, signed in as a demo account, at a place of the application.
export async function as(name, path = '/', options = {}) {
  const page = await open('/#/sign-in', options)
  await signIn(page, name, accounts()[name])
  await page.goto(`${url}/#${path}`)
  return page
}

// An enterprise that nobody knows: registered by its administrator, who is then signed in. `look` is shown what there is to look at on the way.
export async function newEnterprise({ name, person, password, mobile, email, enterprise, uscc, code, address, phone, look = async () => {} }) {
  const page = await open('/#/register')
  await page.getByText('企业用户').click()
  await page.getByRole('button', { name: '下一步' }).click()
  await page.getByRole('button', { name: '下一步' }).click()
  await look(page, 'empty registration')
  await labelled(page, '用户名').fill(name)
  await labelled(page, '.*姓名').fill(person)
  for (const input of await page.locator('input[autocomplete="new-password"]').all()) await input.fill(password)
  await page.getByLabel(/邮箱/).fill(email)
  await page.getByLabel(/手机号/).fill(mobile)
  await page.keyboard.press('Tab')
  await page.getByRole('button', { name: '获取验证码' }).click()
  await captcha(page.getByRole('dialog'))
  await page.keyboard.press('Enter')
  await page.getByRole('status').filter({ hasText: /已发送/ }).waitFor()
  await page.locator('input[autocomplete="one-time-code"]').fill(await smsCode(mobile, look))
  await look(page, 'registration')
  await page.getByRole('button', { name: '下一步' }).click()
  await labelled(page, '企业名称').fill(enterprise)
  await page.getByLabel(/社会信用代码/).fill(uscc)
  await page.getByLabel(/企业代码/).fill(code)
  await page.getByLabel(/地址/).fill(address)
  await page.getByLabel(/联系人/).fill(person)
  await page.getByLabel(/联系电话/).fill(phone)
  await captcha(page)
  await page.getByRole('button', { name: '注册', exact: true }).click()
  await page.getByText('注册成功').waitFor()
  await page.getByRole('link', { name: '登录' }).last().click()
  await signIn(page, name, password)
  return page
}

// The code by SMS lies in the portal's mailbox, for there is no gateway.
async function smsCode(mobile, look) {
  const portal = await as('demo_portal', '/app/admin/mailbox')
  const line = portal.getByRole('row').filter({ hasText: mobile }).first()
  await line.waitFor()
  const code = /\b(\d{6})\b/.exec(await line.innerText())[1]
  await look(portal, 'mailbox')
  await portal.context().close()
  return code
}

// Everything has arrived: answers (not with `network: false`, for a page that waits on a key always asks for something), movements, and
// what a dialog does to itself when it opens.
export async function settled(page, { network = true } = {}) {
  if (network) await idle(page)
  await page.waitForFunction(() => !document.getAnimations().some((one) => one.playState === 'running') && !document.querySelector('.el-dialog > header:not([role])'))
}

// Looked at narrow and wide: axe finds nothing, nothing sticks out. With SW_SCREENS=<folder> the pictures are kept.
export async function look(page, name, options) {
  for (const width of [360, 1440]) {
    await page.setViewportSize({ width, height: width === 360 ? 780 : 900 })
    await page.waitForTimeout(150) // the page hears of its new width
    await settled(page, options)
    await fits(page, `${name} at ${width} px`)
    await accessible(page, `${name} at ${width} px`)
    if (process.env.SW_SCREENS) await page.screenshot({ path: `${process.env.SW_SCREENS}/${basename(process.argv[1], '.mjs')}-${width}-${name.replaceAll(' ', '_')}.png`, fullPage: !(await page.locator('.el-overlay:visible').count()) })
  }
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
// Yes to what is asked; where an electronic key may sign, without one.
export const confirm = (page) => page.locator('.el-message-box').getByRole('button', { name: /确定|是|继续/ }).or(page.getByRole('button', { name: /^不使用电子钥匙/ })).click()

// Waits for what no page shows. (page.waitForFunction takes the promise of an async function for a yes.)
export async function until(condition, seconds = 30) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise((done) => setTimeout(done, 100))) if (await condition()) return
  throw new Error('what was waited for did not come')
}
