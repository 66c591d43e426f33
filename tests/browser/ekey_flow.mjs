// Bind, sign in by card, submit signed, a batch of 20, the card pulled on the way; and every refusal, with nothing stored.
import { readFileSync } from 'node:fs'
import { accessible, accounts, clock, is, like, ok, open, test, url, variables } from './lib.mjs'
import { look as lookAt, signIn, until } from './steps.mjs'
import { controlPort, counters, insert, person, publishList, pull, pullAt, shown, triesLeft, unblock } from './ekey.mjs'

const look = (page, name) => lookAt(page, name, { network: false })
const LIST = `${url}/#/app/export/list/export_licence`
const KEYS = `${url}/#/app/me/keys`
const number = (n) => `20260000${String(n).padStart(2, '0')}`
const press = (page, name) => page.getByRole('button', { name, exact: true }).click()
const dialog = (page) => page.getByRole('dialog')
const said = (page, words) => page.getByText(words).first().waitFor()

// What the server has stored, asked for as the page asks.
const ask = (page, path) => page.evaluate(async (at) => (await fetch(at)).json(), `/api${path}`)
const states = async (page) => Object.fromEntries((await ask(page, '/export/documents?form=export_licence&size=100')).items.map((item) => [item.application_no, item.state]))
const bound = async (page) => (await ask(page, '/account/keys')).items.filter((item) => !['unbound', 'revoked'].includes(item.state))
const documentOf = async (page, no) => (await ask(page, `/export/documents?form=export_licence&application_no=${no}&size=1`)).items[0]

/** It is said in clear words, and nothing has become of it. */
async function refused(page, words, name, { in: place = dialog(page), drafts = [] } = {}) {
  await place.getByText(words).first().waitFor()
  ok(true, name)
  const now = await states(page)
  for (const no of drafts) {
    is(now[no], 'DRAFT', `... and ${no} is as it was`)
    is((await ask(page, `/export/documents/${(await documentOf(page, no)).id}/signatures`)).items, [], '... with no signature')
  }
}

// ---- the control, as a page finds it

async function findControl() {
  const page = await open('/#/sign-in')
  await page.getByRole('tab', { name: '账号登录' }).focus()
  await page.keyboard.press('ArrowRight')
  await said(page, '没有找到客户端控件')
  ok(true, 'where no control runs the page says so')
  await look(page, 'no control')
  await page.getByText('控件使用的不是默认端口').click()
  await page.getByLabel('端口').fill(String(controlPort))
  await press(page, '确定')
  await said(page, '还没有与客户端控件配对')
  await look(page, 'not paired')
  person({ next: ['refuse'] })
  await press(page, '配对')
  await said(page, '选择了取消')
  ok(true, 'the person may refuse the pairing')
  person()
  await press(page, '配对')
  await said(page, '没有插入电子钥匙')
  ok(true, 'and accept it')
  like(shown().at(-1).description, new RegExp(url.replace('http://', '')), 'the window names the site')
  await look(page, 'no key')
  await insert('good')
  await said(page, '张三')
  ok(true, 'a key is seen as soon as it is put in')
  await look(page, 'key to sign in')
  await press(page, '登录')
  await said(page, '未绑定账号')
  ok(true, 'an unbound key signs nobody in')
  await pull()
  await said(page, '没有插入电子钥匙')
  await page.getByRole('tab', { name: '账号登录' }).click()
  await signIn(page, 'demo_admin', accounts().demo_admin)
  return page
}

// ---- binding

async function bind(page, card, words) {
  await insert(card)
  await press(page, '绑定')
  await dialog(page).getByText('有效期至').waitFor()
  await dialog(page).getByRole('button', { name: '绑定' }).click()
  if (!words) return
  const before = (await bound(page)).length
  await dialog(page).getByText(words).first().waitFor()
  ok(true, `refused to bind the card "${card}": ${words.source}`)
  is((await bound(page)).length, before, '... and nothing is stored')
  await press(dialog(page), '取消')
  await dialog(page).waitFor({ state: 'hidden' })
}

async function binding(page) {
  await page.goto(KEYS)
  await said(page, '还没有绑定电子钥匙')
  await look(page, 'no bound key')
  await bind(page, 'other', /与当前账号的企业不符/)
  await bind(page, 'expired', /过期|有效期/)
  await bind(page, 'revoked', /吊销/)
  await bind(page, 'stranger', /机构/)
  person({ next: ['refuse'] })
  await bind(page, 'good', /选择了取消/)
  person({ next: [{ pin: '739147' }] })
  await bind(page, 'good', /密码不正确，还可以再试 2 次/)
  person({ next: [{ pin: '123456' }] })
  await bind(page, 'good', /初始密码/)
  person()
  await press(page, '绑定')
  await dialog(page).getByText('有效期至').waitFor()
  await look(page, 'binding')
  await dialog(page).getByLabel('名称').fill('张三的钥匙')
  await page.keyboard.press('Enter')
  await said(page, '绑定成功')
  await page.getByRole('row').filter({ hasText: '张三的钥匙' }).waitFor()
  like(await page.getByRole('row').filter({ hasText: '张三的钥匙' }).innerText(), /RSA-2048[\s\S]*有效/, 'a key is bound and listed')
  await look(page, 'bound keys')
}

// ---- signing in

async function signInByCard(page) {
  await page.goto(`${url}/#/sign-in`)
  await page.getByRole('tab', { name: '卡介质登录' }).click()
  await said(page, '有效期至')
  await press(page, '登录')
  await page.getByRole('button', { name: '退出' }).waitFor()
}

async function cardSession(page) {
  await press(page, '退出')
  await page.getByRole('tab', { name: '卡介质登录' }).waitFor()
  await signInByCard(page)
  like(await page.locator('header').first().innerText(), /卡介质有效期至: 2040-01-01/, 'a card signs in, and its validity stands in the header')
  await page.goto(`${url}/#/app/me/profile`)
  await pull()
  await said(page, '电子钥匙已拔出')
  is((await ask(page, '/account/session')).signed_in, false, 'pulling the key ends the session')
  await look(page, 'pulled')
  await insert('good')
  await signInByCard(page)
  ok(true, 'putting it in again signs in again')
}

// ---- signing what is submitted

async function openForm(page, no) {
  await page.goto(`${url}/#/app/export/doc/export_licence/${(await documentOf(page, no)).id}`)
  await page.getByRole('tabpanel', { name: no }).locator('.promise input').check()
  await press(page, '申报')
  await dialog(page).getByText('有效期至').waitFor()
}
const signNow = (page) => dialog(page).getByRole('button', { name: '签名并申报' }).click()
async function leave(page) {
  await dialog(page).getByRole('button', { name: /取消|关闭|不再继续/ }).last().click()
  await dialog(page).waitFor({ state: 'hidden' })
}

async function single(page) {
  await openForm(page, number(1))
  like(await dialog(page).innerText(), /出口许可证[\s\S]*1 份单证[\s\S]*2026000001/, 'what is about to be signed is shown')
  await look(page, 'signing')
  person({ next: [{ pin: '739147' }] })
  await signNow(page)
  await refused(page, /密码不正确，还可以再试 2 次/, 'a wrong PIN says how many tries are left', { drafts: [number(1)] })
  await triesLeft(1)
  person({ next: [{ pin: '739147' }] })
  await signNow(page)
  await refused(page, /只剩最后一次机会/, 'the last try is not used without asking', { drafts: [number(1)] })
  is((await counters()).pin_tries, 1, '... and is still there')
  await look(page, 'last try')
  await dialog(page).getByRole('checkbox').check()
  await signNow(page)
  await refused(page, /已被锁定/, 'after it the key is blocked, and the page says what to do', { drafts: [number(1)] })
  await look(page, 'blocked')
  await leave(page)
  // unblocked by its issuer, and in again
  await pull()
  await said(page, '电子钥匙已拔出')
  unblock('good')
  await insert('good')
  person()
  await signInByCard(page)
  await openForm(page, number(1))
  await signNow(page)
  await page.locator('.tag:visible').filter({ hasText: '待初审' }).first().waitFor()
  await said(page, /张三.*签名/)
  ok(true, 'a signed submission is told of on the document')
  await look(page, 'signed document')
  const [file] = await Promise.all([page.waitForEvent('download'), press(page, '下载签名文件 (XML)')])
  await file.saveAs(`${variables}/signed.xml`)
  like(readFileSync(`${variables}/signed.xml`, 'utf8'), /<SignedApplication [^>]*applicationNo="2026000001"[\s\S]*<SignatureValue>[\s\S]+<\/SignatureValue>/, 'and can be taken away')
  const [receipt] = await Promise.all([page.waitForEvent('download'), press(page, '下载回执 (XML)')])
  await receipt.saveAs(`${variables}/receipt.xml`)
  like(readFileSync(`${variables}/receipt.xml`, 'utf8'), /SignatureValue/, 'with the receipt of the portal')
}

async function tick(page, from, to) {
  await page.goto(LIST)
  await page.reload()
  await page.getByRole('row').nth(2).waitFor()
  await page.getByLabel(/条记录|每页/).selectOption('50')
  for (let n = from; n <= to; n++) await page.getByRole('checkbox', { name: new RegExp(number(n)) }).check()
  await press(page, '批量申报')
  await dialog(page).getByText('有效期至').waitFor()
}

async function batch(page) {
  const asked = shown().length, before = (await counters()).signatures
  await tick(page, 2, 21)
  await look(page, 'signing twenty')
  await signNow(page)
  await dialog(page).getByText('成功 20 份，失败 0 份').waitFor()
  is(shown().length - asked, 1, 'twenty are signed under one entry of the PIN')
  like(shown().at(-1).description, /20/, '... whose window says how many')
  is((await counters()).signatures - before, 20, '... each by the card')
  const now = await states(page)
  ok(Array.from({ length: 20 }, (_, i) => now[number(i + 2)]).every((state) => state === 'PENDING_FIRST'), '... and submitted')
  await look(page, 'twenty signed')
  await leave(page)
}

async function pulledOnTheWay(page) {
  await tick(page, 22, 26)
  await pullAt(3)
  await signNow(page)
  await dialog(page).getByText(/已被拔出/).first().waitFor()
  like(await dialog(page).innerText(), /还有 3 份/, 'a key that is pulled on the way: so many are left')
  await look(page, 'pulled while signing')
  await press(dialog(page), '不再继续')
  await dialog(page).getByText('成功 2 份，失败 3 份').waitFor()
  const now = await states(page)
  is([22, 23, 24, 25, 26].filter((n) => now[number(n)] === 'DRAFT').length, 3, '... two are submitted, three are as they were')
  await leave(page)
}

// In by account, whose session does not end with the key.
async function byAccount() {
  const page = await open('/#/sign-in')
  await page.evaluate((port) => localStorage.setItem('ekey.port', String(port)), controlPort)
  await signIn(page, 'demo_admin', accounts().demo_admin)
  await page.goto(KEYS)
  person()
  await press(page, '绑定')
  await press(page, '配对')
  await dialog(page).getByText(/没有插入电子钥匙|有效期至/).first().waitFor()
  await press(dialog(page), '取消')
  await dialog(page).waitFor({ state: 'hidden' })
  return page
}

async function strangeKey(page) {
  await insert('other')
  await openForm(page, number(27))
  await refused(page, /没有绑定到您的账号/, 'a key of another enterprise signs nothing', { drafts: [number(27)] })
  ok(await dialog(page).getByRole('button', { name: '签名并申报' }).isDisabled(), '... and is not tried')
  await leave(page)
}

async function plainly(page) {
  await pull()
  await page.reload()
  await page.locator('.promise:visible input').check()
  await press(page, '申报')
  await press(page, '不使用电子钥匙，直接申报')
  await page.locator('.tag:visible').filter({ hasText: '待初审' }).first().waitFor()
  ok(true, 'where the portal leaves the choice a submission needs no key')
}

async function ended(page) {
  await page.goto(KEYS)
  await page.reload()
  await insert('second')
  await press(page, '绑定')
  await dialog(page).getByText('有效期至').waitFor()
  await press(dialog(page), '绑定')
  await said(page, '绑定成功')
  await page.getByRole('row').filter({ hasText: '即将到期' }).waitFor()
  await page.goto(url)
  await said(page, /将于 2026-09-20 到期/)
  ok(true, 'the home page warns of a key that ends soon')
  await look(page, 'home with a key that ends soon')
  clock('2026-09-25T10:00:00+08:00')
  await page.reload()
  if (!(await ask(page, '/account/session')).signed_in) await signIn(page, 'demo_admin', accounts().demo_admin)
  await page.goto(url)
  await page.reload()
  await said(page, /已于 2026-09-20 到期/)
  ok(true, '... and of one that has ended')
  await openForm(page, number(28))
  await signNow(page)
  await refused(page, /过期|到期|有效期/, 'an expired key signs nothing', { drafts: [number(28)] })
  await leave(page)
}

async function revoked(page) {
  await insert('good')
  publishList('after')
  await openForm(page, number(29))
  const draft = await documentOf(page, number(29))
  // programs look at the list again after a second: until then a submission would be good
  await until(() => page.evaluate(async ({ id, version }) => {
    const { csrf } = await (await fetch('/api/account/session')).json(), { items } = await (await fetch('/api/account/keys')).json()
    const answer = await fetch('/api/export/signatures/prepare', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
      body: JSON.stringify({ action: 'submit', documents: [{ id, version }], key: items.find((item) => item.label === '张三的钥匙').id }) })
    return /key_revoked/.test(await answer.text())
  }, draft))
  await signNow(page)
  await refused(page, /吊销/, 'a key whose certificate was revoked signs nothing', { drafts: [number(29)] })
  await look(page, 'revoked')
  await leave(page)
}

async function administrator(page) {
  const portal = await open('/#/sign-in')
  await signIn(portal, 'demo_portal', accounts().demo_portal)
  await portal.goto(`${url}/#/app/admin/bound`)
  const row = portal.getByRole('row').filter({ hasText: '李四' }).or(portal.getByRole('row').filter({ hasText: 'P-256' })).first()
  await row.waitFor()
  await look(portal, 'all keys')
  await row.getByRole('button', { name: /停用/ }).click()
  await portal.locator('.el-message-box textarea').fill('钥匙遗失')
  await accessible(portal, 'reason to revoke')
  await portal.locator('.el-message-box').getByRole('button', { name: '确定' }).click()
  await portal.getByRole('row').filter({ hasText: '钥匙遗失' }).waitFor()
  ok(true, 'an administrator revokes a key, with the reason')
  await page.goto(url)
  await signIn(page, 'demo_admin', accounts().demo_admin)
  await page.goto(KEYS)
  await page.getByRole('row').filter({ hasText: '钥匙遗失' }).waitFor()
  ok(true, '... which its user reads, signed out by it')
  await page.getByRole('row').filter({ hasText: '张三的钥匙' }).getByRole('button', { name: /解除绑定/ }).click()
  await page.locator('.el-message-box').getByRole('button', { name: '确定' }).click()
  await page.getByRole('row').filter({ hasText: '张三的钥匙' }).filter({ hasText: '已解除绑定' }).waitFor()
  ok(true, 'and a key is unbound')
}

await test(async () => {
  const page = await findControl()
  await binding(page)
  await cardSession(page)
  await single(page)
  await batch(page)
  const again = await byAccount()
  await pulledOnTheWay(again)
  await strangeKey(again)
  await plainly(again)
  await ended(again)
  await revoked(again)
  await administrator(again)
})
