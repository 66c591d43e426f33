// Hints come and go without moving what is below them, nothing moves between a press and its click, and nobody is called back from where they went.
import { idle, is, ok, open, test, url } from './lib.mjs'
import { as, choose, field, labelled } from './steps.mjs'

const place = async (locator) => { const { x, y } = await locator.boundingBox(); return `${Math.round(x)},${Math.round(y)}` }
const hint = (page, path) => field(page, path).locator('.hint').filter({ hasText: /\S/ })

// Presses, waits until what the press caused would have happened, lets go: the click lands, whatever the hand's speed.
async function slowClick(page, button, meanwhile) {
  await button.scrollIntoViewIfNeeded()
  const { x, y, width, height } = await button.boundingBox()
  await page.mouse.move(x + width / 2, y + height / 2)
  await page.mouse.down()
  await meanwhile()
  await page.mouse.up()
}

async function missing(page) {
  const next = page.getByRole('button', { name: '下一步' })
  const code = field(page, 'goods/hs_code').getByRole('combobox')
  const before = await place(next)
  await code.focus()
  await page.keyboard.press('Tab')
  await hint(page, 'goods/hs_code').waitFor()
  is(await place(next), before, 'a hint that comes with the cursor leaving moves nothing')
  await choose(page, 'goods/hs_code', '2833110000')
  await hint(page, 'goods/hs_code').waitFor({ state: 'detached' })
  is(await place(next), before, 'nor does one that goes')
  is(await field(page, 'goods/unit').locator('.hint').count(), 0, 'what a choice fills in is right at once')
}

async function correction(page) {
  const input = field(page, 'base/contract_sign_date').locator('input')
  const store = page.getByRole('button', { name: '暂存' })
  const total = field(page, 'base/contract_total_qty').locator('input')
  const below = page.getByRole('heading', { name: '商品信息' })
  await total.fill('12x')
  await hint(page, 'base/contract_total_qty').waitFor()
  ok(true, 'a wrong number is marked while it is typed')
  await page.locator('aside').getByRole('button', { name: /^合同总数量：/ }).waitFor()
  ok(true, 'the checklist says of which field')
  const where = await place(below)
  await total.fill('12')
  await hint(page, 'base/contract_total_qty').waitFor({ state: 'detached' })
  is(await place(below), where, 'its correction moves nothing')
  await input.fill('2026-08-01')
  await total.fill('12x')
  await slowClick(page, store, () => page.waitForTimeout(400))
  await page.locator('.el-message').waitFor()
  ok(true, 'a click right after typing lands on its button')
  ok(await hint(page, 'base/contract_total_qty').count(), 'what waited for the click to end is shown then')
  await total.fill('12')
  const first = page.locator('td[data-path^="specs/"]').filter({ has: page.getByLabel('单价') }).first()
  await first.locator('input').fill('1x')
  await first.locator('.hint').filter({ hasText: /\S/ }).waitFor()
  const row = page.locator('section.panel').filter({ has: page.getByRole('heading', { name: '规格型号' }) })
  const quantity = row.getByLabel('数量', { exact: true }).first()
  await first.locator('input').fill('11.11')
  await slowClick(page, row.getByRole('button', { name: '批量保存' }), () => page.waitForTimeout(400))
  await page.waitForFunction((input) => document.activeElement === input, await quantity.elementHandle())
  ok(true, 'nor does a correction in a row carry the button below away')
}

async function registration() {
  const page = await open('/#/register')
  await page.getByRole('button', { name: '下一步' }).click()
  const next = page.getByRole('button', { name: '下一步' })
  for (const [label, wrong] of [['用户名', '1'], ['电子邮箱', 'x'], ['手机号码', '1']]) {
    const before = await place(next)
    const input = labelled(page, label)
    await input.fill(wrong)
    await page.keyboard.press('Tab')
    await page.locator('.field').filter({ has: input }).locator('.hint').waitFor()
    is(await place(next), before, `registration: the hint at ${label} moves nothing`)
  }
}

// Holds back what is asked for: `come` is over when it was, `go` lets it pass.
async function hold(page, what, method = 'GET') {
  let go
  const gate = new Promise((resolve) => { go = resolve })
  const come = page.waitForRequest((request) => what.test(request.url()) && request.method() === method)
  await page.route(what, async (route) => { if (route.request().method() === method) await gate; await route.continue() })
  return { come, go }
}

async function saving(page) {
  const store = page.getByRole('button', { name: '暂存' })
  const number = field(page, 'base/contract_no').locator('input'), remark = field(page, 'other/remark').locator('textarea, input')
  await number.fill('C-1')
  await store.click()
  await page.waitForURL(/doc\/export_licence\/\d+/)
  await idle(page)
  await number.fill('C-1a')
  const answer = await hold(page, /\/api\/export\/documents\/\d+$/, 'PUT')
  await store.click()
  await answer.come
  await number.fill('C-2')
  await remark.fill('后来补充')
  answer.go()
  await page.locator('.el-message').last().waitFor()
  await idle(page)
  is(await number.inputValue(), 'C-2', 'what is typed while a save is under way stays')
  await page.getByRole('tab').filter({ hasText: '●' }).waitFor()
  ok(true, 'and is known to be unsaved')
  await store.click()
  await page.getByRole('tab').filter({ hasText: '●' }).waitFor({ state: 'detached' })
  await page.reload()
  await number.waitFor()
  is(`${await number.inputValue()} ${await remark.inputValue()}`, 'C-2 后来补充', 'until it is saved, too')
}

async function leaving() {
  const page = await as('demo_first', '/')
  await idle(page)
  const forms = await hold(page, /\/api\/\w+\/forms$/)
  const chunk = await hold(page, /\/VerifyPage/)
  await page.goto(`${url}/#/app/desk`)
  await page.reload()
  await forms.come
  await page.evaluate(() => { location.hash = '#/verify' })
  await chunk.come
  forms.go()
  await page.locator('nav.menu a').first().waitFor()
  chunk.go()
  await page.locator('h1').filter({ hasText: '核验' }).waitFor()
  is(new URL(page.url()).hash, '#/verify', 'who leaves while a place is loading is not called back to it')
}

await test(async () => {
  const page = await as('demo_admin', '/app/export/new/export_licence')
  await field(page, 'goods/hs_code').waitFor()
  await missing(page)
  await choose(page, 'base/customs_port', 'sdjc')
  await page.getByRole('button', { name: '下一步' }).click()
  await page.locator('.el-message-box').getByRole('button', { name: '确定' }).click()
  await field(page, 'base/import_country').waitFor()
  await correction(page)
  await saving(page)
  await registration()
  await leaving()
})
