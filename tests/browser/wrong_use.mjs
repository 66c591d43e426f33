// A form with unsaved words in it, and everything that could lose them.
import { accounts, accessible, fits, idle, is, like, ok, test, url } from './lib.mjs'
import { as, captcha, confirm, field, fill } from './steps.mjs'

const LIST = '/app/export/list/export_licence'
const contract = (page) => field(page, 'base/contract_no').locator('input')
const store = (page) => page.getByRole('button', { name: '暂存' }).click()
const message = (page, words) => page.locator('.el-message').filter({ hasText: words }).last().waitFor()
const settled = (page) => page.locator('.el-message').first().waitFor({ state: 'detached' }).catch(() => {})

async function arrows(page) {
  await fill(page, 'base/contract_no', 'ARROWS')
  await page.goBack()
  await page.getByRole('button', { name: '批量申报' }).waitFor()
  await page.goForward()
  await contract(page).waitFor()
  is(await contract(page).inputValue(), 'ARROWS', 'back and forward keep what was typed')
  const box = page.locator('.el-message-box')
  await page.getByRole('link', { name: '中国国际贸易单一窗口' }).click()
  await box.getByText('有未保存的内容').waitFor()
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  await page.getByRole('tab', { name: '申请单查询' }).click()
  await page.goto(`${url}/#/verify`)
  await box.getByText('有未保存的内容').waitFor()
  ok(true, 'an address that leads away asks, too, and the question stays')
  await page.keyboard.press('Escape')
  await page.getByRole('tab', { name: /2026000001/ }).click()
  is(await contract(page).inputValue(), 'ARROWS', 'nothing is lost')
}

async function twoWindows(page) {
  const other = await page.context().newPage()
  await other.goto(page.url())
  await other.getByText(/未保存的内容/).first().waitFor()
  await other.getByRole('button', { name: '放弃' }).click()
  await fill(other, 'base/contract_no', 'OTHER')
  await store(other)
  await message(other, '保存成功')
  await other.close()
  await page.bringToFront()
  await store(page)
  const dialog = page.getByRole('dialog', { name: '单据已被修改' })
  await dialog.waitFor()
  await accessible(page, 'stale document')
  await dialog.getByRole('button', { name: '暂不处理' }).click()
  await dialog.waitFor({ state: 'hidden' })
  is(await contract(page).inputValue(), 'ARROWS', 'a stale document keeps what was typed')
  await store(page)
  await dialog.getByRole('button', { name: '用我的内容覆盖' }).click()
  await message(page, '保存成功')
  await page.reload()
  await contract(page).waitFor()
  is(await contract(page).inputValue(), 'ARROWS', 'and can be stored over the other')
}

async function sessionGone(page) {
  await fill(page, 'base/contract_no', 'SESSION')
  await page.context().clearCookies()
  await store(page)
  const dialog = page.getByRole('dialog', { name: '登录已过期' })
  await dialog.waitFor()
  await page.waitForFunction(() => document.activeElement?.type === 'password')
  ok(true, 'the cursor waits for the password')
  is(await page.locator('.el-message').filter({ hasText: '请先登录' }).count(), 0, 'one word about it is enough')
  await accessible(page, 'signing in again')
  await page.keyboard.type(accounts().demo_admin)
  await captcha(dialog)
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'hidden' })
  is(await contract(page).inputValue(), 'SESSION', 'a session that ran out loses nothing')
  await store(page)
  await message(page, '保存成功')
}

async function offline(page) {
  await fill(page, 'base/contract_no', 'OFFLINE')
  await page.context().setOffline(true)
  await store(page)
  await message(page, '无法连接服务器')
  await page.getByRole('link', { name: '核销数据查询' }).click()
  await page.getByText(/页面没有载入|服务暂时不可用/).waitFor()
  await page.getByRole('tab', { name: /2026000001/ }).click()
  is(await contract(page).inputValue(), 'OFFLINE', 'without a network the form stays')
  await page.context().setOffline(false)
  await store(page)
  await message(page, '保存成功')
  ok(true, 'and is saved when the network is back')
}

async function reloaded(page) {
  await fill(page, 'base/contract_no', 'RELOAD')
  page.once('dialog', (dialog) => dialog.accept())
  await page.reload()
  await page.getByRole('button', { name: '恢复' }).click()
  is(await contract(page).inputValue(), 'RELOAD', 'a reload offers the draft')
  ok(await page.getByRole('tab', { name: '核销数据查询' }).count(), 'the other tabs keep their names')
}

async function twice(page) {
  const sent = []
  // asking what is missing changes nothing
  page.on('request', (request) => { if (request.method() !== 'GET' && !/\/check$/.test(request.url())) sent.push(new URL(request.url()).pathname.replace(/\d+/, ':id')) })
  await page.getByRole('button', { name: '暂存' }).dblclick()
  await page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
  is(sent, ['/api/export/documents/:id'], 'a double click saves once')
  sent.length = 0
  await page.locator('.promise input').check()
  await page.getByRole('button', { name: '申报', exact: true }).dblclick()
  await page.locator('.el-message-box').getByRole('button', { name: '确定' }).or(page.getByRole('button', { name: /^不使用电子钥匙/ })).dblclick()
  await page.locator('.tag').filter({ hasText: '待初审' }).first().waitFor()
  is(sent, ['/api/export/documents/:id/actions/submit'], 'and submits once')
}

// Names as long as the server takes them break no page, nor do words without a space.
async function longWords(page) {
  await page.goto(`${url}/#/app/me/enterprise`)
  await page.getByLabel('企业名称').fill('某某国际贸易进出口有限责任公司'.repeat(7) + 'ABCDEFGHIJ')
  await page.getByLabel('地址').fill('W'.repeat(120))
  await page.getByRole('button', { name: '保存' }).click()
  await message(page, '保存成功')
  await page.reload()
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: 800 })
    for (const path of ['/', '/app/me/enterprise', LIST, '/app/export/new/export_licence']) {
      await page.goto(`${url}/#${path}`)
      await page.locator('h1').first().waitFor({ state: 'attached' })
      await idle(page)
      await fits(page, `${path} at ${width} px with a very long name`)
    }
  }
}

await test(async () => {
  // without a network the browser itself logs what it cannot load
  const page = await as('demo_admin', LIST, { errors: false })
  page.on('pageerror', (error) => ok(false, `no error in the page: ${error.message}`))
  await page.getByRole('link', { name: '2026000001' }).click()
  await contract(page).waitFor()
  await arrows(page)
  await twoWindows(page)
  await sessionGone(page)
  await offline(page)
  await settled(page)
  await reloaded(page)
  await twice(page)
  await longWords(page)
})
