// The PIN in the page's own dialog, where the portal demands a key: what is missing, another PIN, wrong ones, the last try, blocked.
import { accounts, browser, is, like, ok, open, test, url } from './lib.mjs'
import { look as lookAt, signIn } from './steps.mjs'
import { controlPort, counters, endBatch, insert, person, PIN, triesLeft } from './ekey.mjs'

const look = (page, name) => lookAt(page, name, { network: false })
const NEW_PIN = '50617283'
const press = (place, name) => place.getByRole('button', { name, exact: true }).click()
const dialog = (page) => page.getByRole('dialog')
const field = (page) => dialog(page).getByLabel(/^\*?电子钥匙密码$/)

async function missing(page) {
  await page.goto(`${url}/#/app/export/list/export_licence`)
  await page.getByRole('link', { name: '2026000054' }).click()
  await page.getByText('R-KEY-1').first().waitFor()
  ok(true, 'the checklist says that a key must be bound')
  await look(page, 'checklist without a key')
  is(await page.getByRole('button', { name: '申报', exact: true }).getAttribute('aria-disabled'), 'true', '... and it cannot be submitted')
}

async function bind(page) {
  await page.goto(`${url}/#/app/me/keys`)
  await page.getByText('申报前必须绑定电子钥匙').waitFor()
  await press(page, '绑定')
  await press(dialog(page), '配对')
  await field(page).waitFor()
  is(await field(page).getAttribute('type'), 'password', 'the page asks for the PIN')
  is(await page.evaluate(() => document.activeElement?.type), 'password', '... with the cursor in its field')
  await look(page, 'binding with a PIN')
  await page.keyboard.press('Enter')
  await dialog(page).getByText('请输入电子钥匙密码').waitFor()
  await field(page).fill('12')
  await page.keyboard.press('Enter')
  await dialog(page).getByText('密码应为 6 至 8 位数字').waitFor()
  is((await counters()).wrong, 0, 'what cannot be a PIN is not tried')
  await field(page).fill('739147')
  await page.keyboard.press('Enter')
  await dialog(page).getByText('密码不正确，还可以再试 2 次').waitFor()
  is(await field(page).inputValue(), '', 'a wrong PIN is told of and gone from the page')
  await field(page).fill(PIN)
  await page.keyboard.press('Enter')
  await page.getByText('绑定成功').waitFor()
  ok(true, 'the right one binds')
}

async function anotherPin(page) {
  await press(page, '修改密码')
  await field(page).waitFor()
  const change = async (old, next, again) => {
    await field(page).fill(old)
    await dialog(page).getByLabel('新的电子钥匙密码').fill(next)
    await dialog(page).getByLabel('再输入一次新密码').fill(again)
    await dialog(page).getByRole('button', { name: '修改密码' }).click()
  }
  await change(PIN, NEW_PIN, '11112222')
  await dialog(page).getByText('两次输入的新密码不一致').first().waitFor()
  await change(PIN, '12345678', '12345678')
  await dialog(page).getByText('新密码是初始密码或过于简单').waitFor()
  ok(true, 'a first PIN is refused as the new one')
  await look(page, 'another PIN')
  await change(PIN, NEW_PIN, NEW_PIN)
  await page.getByText('电子钥匙密码已修改').waitFor()
  ok(true, 'the PIN is changed')
}

async function sign(page) {
  await page.goto(`${url}/#/app/export/list/export_licence`)
  await page.getByRole('link', { name: '2026000054' }).click()
  await page.locator('.promise input').check()
  await press(page, '申报')
  await field(page).waitFor()
  is(await dialog(page).getByRole('button', { name: /直接申报/ }).count(), 0, 'where a key is required there is no way without')
  await triesLeft(1)
  await field(page).fill('739147')
  await page.keyboard.press('Enter')
  await dialog(page).getByText(/只剩最后一次机会/).first().waitFor()
  is((await counters()).pin_tries, 1, 'the last try is not used without asking')
  await dialog(page).getByRole('checkbox').check()
  await field(page).fill(NEW_PIN)
  await page.keyboard.press('Enter')
  await page.locator('.tag:visible').filter({ hasText: '待初审' }).first().waitFor()
  ok(true, 'with the last try, and the right PIN, it is submitted')
}

async function blocked(page) {
  await page.goto(`${url}/#/app/export/list/export_licence`)
  await page.getByRole('link', { name: '2026000053' }).click()
  await page.locator('.promise input').check()
  await press(page, '申报')
  await field(page).fill('739147')
  await triesLeft(1)
  await page.keyboard.press('Enter')
  await dialog(page).getByRole('checkbox').check()
  await field(page).fill('739147')
  await page.keyboard.press('Enter')
  await dialog(page).getByText('已被锁定').first().waitFor()
  like(await dialog(page).innerText(), /颁发机构解锁/, 'a blocked key: what to do')
  ok(await dialog(page).getByRole('button', { name: '签名并申报' }).isDisabled(), '... and nothing else')
  await press(dialog(page), '取消')
  is((await page.evaluate(async () => (await (await fetch('/api/export/documents?form=export_licence&size=99')).json()).items)).find((item) => item.application_no === '2026000053').state, 'DRAFT', '... the document is as it was')
}

// More than fifty, and a batch that is over on the way: the PIN again, each time with the reason.
async function many(page) {
  await page.goto(`${url}/#/app/export/list/export_licence`)
  await page.reload()
  await page.getByRole('row').nth(2).waitFor()
  await page.getByLabel(/条记录|每页/).selectOption('100')
  await page.getByRole('checkbox', { name: /2026000002/ }).waitFor()
  for (let n = 2; n <= 52; n++) await page.getByRole('checkbox', { name: new RegExp(`20260000${String(n).padStart(2, '0')}`) }).check()
  let signed = 0
  await page.route(/batches\/[^/]+\/sign$/, async (route) => {
    if (route.request().method() === 'POST' && ++signed === 8) await endBatch(route.request().url().split('/').at(-2))
    await route.continue()
  })
  await press(page, '批量申报')
  const enter = async () => { await field(page).fill(NEW_PIN); await page.keyboard.press('Enter') }
  await enter()
  await dialog(page).getByText(/还有 44 份.*密码只保留 60 秒/).waitFor()
  ok(true, 'a batch that is over: so many are left, and why the PIN is asked for again')
  await look(page, 'batch over')
  await enter()
  await dialog(page).getByText(/还有 1 份：一次录入密码最多签 50 份/).waitFor()
  ok(true, 'fifty are signed with one PIN, the next ones with another')
  await enter()
  await dialog(page).getByText('成功 51 份，失败 0 份').waitFor()
  ok(true, 'until all are signed and submitted')
  await press(dialog(page), '关闭')
}

// A page whose address the control was not told: it learns that something runs, and nothing else.
async function stranger() {
  const page = await open('/#/sign-in', { errors: false }) // the browser itself reports what CORS refuses
  await page.goto(`${url.replace('127.0.0.1', 'localhost')}/#/sign-in`)
  await page.evaluate((port) => localStorage.setItem('ekey.port', String(port)), controlPort)
  await page.getByRole('tab', { name: '卡介质登录' }).click()
  await page.getByText('客户端控件没有登记本网站').waitFor()
  ok(true, 'a site that the control does not know is told so, and what to do')
  await look(page, 'unknown site')
}

// What the browser says of programs of this computer, when somebody has refused it.
async function denied() {
  const page = await open('/#/sign-in')
  const { targetInfo: { browserContextId } } = await (await page.context().newCDPSession(page)).send('Target.getTargetInfo')
  await (await (await browser()).newBrowserCDPSession()).send('Browser.setPermission', { permission: { name: 'loopback-network' }, setting: 'denied', origin: url, browserContextId })
  await page.getByRole('tab', { name: '卡介质登录' }).click()
  await page.getByText('浏览器不允许访问本机的客户端控件').waitFor()
  ok(true, 'a browser that refuses local network access: how to allow it')
  await look(page, 'local network access refused')
}

await test(async () => {
  const page = await open('/#/sign-in')
  await page.evaluate((port) => localStorage.setItem('ekey.port', String(port)), controlPort)
  await signIn(page, 'demo_admin', accounts().demo_admin)
  person()
  await insert('good')
  await missing(page)
  await bind(page)
  await anotherPin(page)
  await sign(page)
  await many(page)
  await blocked(page)
  await stranger()
  await denied()
})
