// The pages of import licences, with what imports.t has prepared. With SW_SCREENS=<folder> they are kept as pictures, to be looked at.
import { clock, is, like, ok, open, test, url } from './lib.mjs'
import { as, choose, confirm, field, fill, look } from './steps.mjs'

const { SW_SCREENS: keep, SW_LICENCE: licence, SW_RETURNED: returned, SW_DRAFT: draft, SW_MEP: mep } = process.env

const dialog = (page, name) => page.getByRole('dialog', { name })
const go = (page, path) => page.goto(`${url}/#${path}`)
const focused = (page, path) => page.waitForFunction((wanted) => document.activeElement?.closest('[data-path]')?.dataset.path.endsWith(wanted), path)

async function home() {
  const page = await open('/')
  await page.getByText('机电产品进口单证').waitFor()
  ok(await page.getByText('非机电进口单证').count(), 'the home page offers the modules that answer')
  await page.context().close()
}

// What has to be filed first is said, with the way there; the filing is one document that opens by itself.
async function filing() {
  const page = await as('demo_other', '/app/mep/new/mep_licence')
  await page.getByRole('heading', { name: '请先备案' }).waitFor()
  like(await page.locator('main').innerText(), /您的企业尚未在本系统备案/, 'the definition\'s message')
  await look(page, 'filing needed')
  await page.getByRole('button', { name: /去填写/ }).click()
  await page.waitForURL(/own\/mep_registration/)
  await field(page, 'basics/reg_email').waitFor()
  await fill(page, 'basics/reg_email', 'b@example.com')
  await page.getByRole('button', { name: '暂存' }).click()
  await page.getByText('暂存成功').waitFor()
  ok(/own\/mep_registration/.test(page.url()), 'the filing stays at its own address')
  await page.reload()
  await field(page, 'basics/reg_email').waitFor()
  is(await field(page, 'basics/reg_email').locator('input').inputValue(), 'b@example.com', 'there is one, and it opens')
  is(await page.locator('nav.menu').getByText('企业信息备案').count(), 1, 'one entry of the menu')
  await look(page, 'filing')
  await page.context().close()
}

// Rows of goods on the page before the application; a catalogue opens at four digits.
async function verdict() {
  const page = await as('demo_admin', '/app/nonmep/new/nonmep_licence')
  const rows = page.getByRole('region', { name: /商品.*表格/ }).locator('tbody').getByRole('row')
  await rows.first().waitFor()
  await page.getByRole('button', { name: '下一步' }).click()
  await page.getByText('请至少填写一行。').waitFor()
  ok(true, 'a row is asked for')
  const code = rows.first().getByRole('combobox')
  await code.click()
  await code.pressSequentially('230')
  await code.press('Enter')
  await page.getByText('请至少输入4位数字').waitFor()
  ok(await code.evaluate((element) => element === document.activeElement), 'three digits are too few, the cursor stays')
  await look(page, 'verdict too few digits')
  await code.press('3')
  await code.press('Enter')
  const list = dialog(page, /列表$/)
  await list.getByRole('radio').first().waitFor()
  ok(!(await list.getByText('01012900').count()), 'four digits and Enter open the catalogue there')
  await look(page, 'catalogue in a row')
  await list.getByRole('row').filter({ hasText: '2303300011' }).getByRole('radio').focus()
  await page.keyboard.press('Enter')
  await list.waitFor({ state: 'hidden' })
  like(await code.inputValue(), /^2303300011/, 'what was chosen stands in the row')
  await page.getByRole('button', { name: '+ 新增一行' }).click()
  is(await rows.count(), 2, 'a row more')
  const second = rows.nth(1).getByRole('combobox')
  await second.click()
  await second.pressSequentially('2303300011')
  await second.press('Enter')
  await rows.nth(1).getByRole('button', { name: '删除第 2 行' }).click()
  is(await rows.count(), 1, 'and gone')
  await choose(page, 'base/customs_port_1', '0101')
  await look(page, 'verdict')
  await page.getByRole('button', { name: '下一步' }).click()
  await confirm(page)
  await field(page, 'base/trade_country_1').waitFor()
  like(await page.locator('[data-path$="/hs_code"]').first().getByRole('combobox').inputValue(), /^2303300011/, 'the new document begins with it')
  await look(page, 'nonmep form')
  await page.context().close()
}

// Rows in a dialog, by the keyboard alone.
async function entry() {
  const page = await as('demo_admin', '/app/mep/new/mep_licence')
  await field(page, 'base/trade_mode').waitFor()
  await page.locator('section.panel').filter({ has: page.getByRole('heading', { name: '规格' }) }).getByRole('button', { name: '新增' }).focus()
  await page.keyboard.press('Enter')
  await page.waitForURL(/doc\/mep_licence\/\d+/)
  ok(true, 'the first row saves the document')
  const box = page.locator('.el-dialog').filter({ visible: true })
  const shown = page.locator('section.panel').filter({ has: page.getByRole('heading', { name: '规格' }) }).locator('tbody').getByRole('row')
  await focused(page, '/spec')
  await look(page, 'row dialog')
  for (const [spec, quantity, price] of [['A-1', '3', '20'], ['A-2', '5', '7.5']]) {
    for (const text of [spec, quantity, price]) {
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
      await page.waitForTimeout(80)
    }
    await shown.filter({ hasText: spec }).waitFor()
    await focused(page, '/spec')
  }
  is(await shown.count(), 2, 'Enter after the last field keeps the row and begins the next')
  is(await box.locator('[data-path$="/spec"] input').inputValue(), '', 'which is empty')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  like(await shown.first().innerText(), /A-1[\s\S]*3[\s\S]*20[\s\S]*60/, 'the table shows what was entered and computed')
  await look(page, 'rows of a dialog')
  await shown.nth(1).focus()
  await page.keyboard.press('Enter')
  await focused(page, '/spec')
  await box.locator('[data-path$="/spec"] input').fill('A-2b')
  await page.keyboard.press('Enter')
  await box.waitFor({ state: 'hidden' })
  await shown.filter({ hasText: 'A-2b' }).waitFor()
  ok(true, 'Enter on a row changes it')
  await shown.first().dblclick()
  await box.locator('[data-path$="/spec"] input').fill('lost')
  await page.keyboard.press('Escape')
  await page.locator('.el-message-box').getByText('有未保存的内容').waitFor()
  await confirm(page)
  await box.waitFor({ state: 'hidden' })
  is(await shown.filter({ hasText: 'A-1' }).count(), 1, 'a row left without keeping is as it was')
  await shown.first().getByRole('checkbox').check()
  await page.getByRole('button', { name: '删除选中行' }).click()
  await confirm(page)
  await shown.filter({ hasText: 'A-1' }).waitFor({ state: 'detached' })
  await page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
  await page.reload()
  await shown.filter({ hasText: 'A-2b' }).waitFor()
  is(await shown.count(), 1, 'what was kept and deleted is saved')
  await page.context().close()
}

// Ticks the row of the list that has this text, and asks for its way.
async function openWay(page, text, button) {
  await page.getByRole('button', { name: button }).waitFor()
  await page.locator('tbody').getByRole('row').filter({ hasText: text }).getByRole('checkbox').check()
  await page.getByRole('button', { name: button }).click()
  return dialog(page, button)
}

async function way() {
  const page = await as('demo_admin', '/app/nonmep/list/nonmep_licence')
  const rows = page.locator('tbody').getByRole('row')
  const box = await openWay(page, '复审不通过', '查看流程状态')
  await box.getByText(/当前状态：复审不通过/).waitFor()
  like(await box.innerText(), /由 .*许可证事务局.* 办理，自 2026-09-03 起已 \d+ 天/, 'who has it, and since when')
  is(await box.locator('.arc').count(), 2, 'both returns are drawn')
  like(await box.innerText(), /合同号不清楚，请核对。[\s\S]*请初审核对数量。/, 'with their opinions')
  await look(page, 'way')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  await rows.filter({ hasText: '复审不通过' }).getByRole('checkbox').uncheck()
  await rows.filter({ hasText: '暂存' }).first().getByRole('checkbox').check()
  like(await page.getByRole('button', { name: '查看流程状态' }).getAttribute('aria-disabled'), /true/, 'what was never submitted has no way')
  await go(page, `/app/nonmep/doc/nonmep_licence/${returned}`)
  await page.getByRole('button', { name: '查询审批状态' }).click()
  await box.getByText(/当前状态/).waitFor()
  ok(true, 'the form shows it, too')
  await page.context().close()
}

async function catalogue() {
  const page = await as('demo_admin', '/app/mep/catalogue/mep_licence/goods')
  const rows = page.locator('tbody').getByRole('row')
  await rows.nth(1).waitFor()
  is(await page.getByLabel('商品年度').inputValue(), '2026', 'a catalogue begins with this year')
  ok(!(await rows.filter({ hasText: /^\d+\s*2025/ }).count()), 'and shows only that')
  await page.getByLabel('商品代码').fill('9022')
  await page.keyboard.press('Enter')
  await rows.filter({ hasText: '9018130110' }).first().waitFor({ state: 'detached' })
  ok(await rows.filter({ hasText: '9022120000' }).count(), 'filters narrow it')
  await look(page, 'catalogue')
  await page.context().close()
}

async function balances() {
  const page = await as('demo_admin', '/app/mep/query/mep_licence/balance')
  const rows = page.locator('tbody').getByRole('row')
  await rows.filter({ hasText: licence }).waitFor()
  await look(page, 'balances')
  like(await rows.filter({ hasText: licence }).innerText(), /60/, 'what is left after uses and reservations')
  like(await rows.filter({ hasNotText: licence }).first().innerText(), /\t-\t|\n-\n/, 'no balance is told before the first use')
  await rows.filter({ hasText: licence }).getByRole('button', { name: /使用情况/ }).click()
  const box = dialog(page, '余量'), words = box.getByRole('status')
  await words.waitFor()
  like(await words.innerText(), /许可 100.*已核销 28.*预留 12.*更正 1 次.*余量为 60/, 'a sentence says what is left and why')
  like(await box.innerText(), /取消预留[\s\S]*更正数量/, 'reservations given back and corrections are in the statement')
  await look(page, 'ledger')
  await box.getByLabel('当时余量').fill('2026-09-03 10:17:00')
  await page.keyboard.press('Enter')
  await box.getByRole('button', { name: '查询' }).click()
  await words.filter({ hasText: '截至 2026-09-03 10:17:00' }).waitFor()
  like(await words.innerText(), /许可 100.*已核销 30.*预留 20.*余量为 50/, 'and what was left at a moment')
  ok(!(await box.getByText('更正数量').count()), 'without what came later')
  await look(page, 'ledger at a moment')
  await box.getByRole('button', { name: '回到现在' }).click()
  await words.filter({ hasText: '截至现在' }).waitFor()
  await page.context().close()
}

async function clearances() {
  const page = await as('demo_admin', '/app/mep/write-offs/mep_licence')
  const rows = page.locator('tbody').getByRole('row')
  await rows.filter({ hasText: licence }).first().waitFor()
  await page.getByLabel('许可证编号').fill('none')
  await page.keyboard.press('Enter')
  await page.getByText('无匹配数据').waitFor()
  await page.getByLabel('许可证编号').fill(licence.slice(2))
  await page.keyboard.press('Enter')
  await rows.filter({ hasText: 'BL-9' }).waitFor()
  ok(true, 'clearances are found by the licence')
  await look(page, 'clearances')
  await rows.filter({ hasText: 'BL-9' }).getByRole('button', { name: '010120261000000001' }).click()
  await dialog(page, /010120261000000001/).getByText('CT-1').waitFor()
  ok(true, 'a declaration opens into its goods')
  await look(page, 'cleared goods')
  await page.context().close()
}

async function months() {
  const page = await as('demo_admin', '/app/nonmep/monthly/nonmep_licence')
  const sheet = page.locator('.sheet')
  await sheet.waitFor()
  is(await sheet.locator('thead').innerText().then((text) => text.replace(/\s+/g, ' ').trim()),
    '序号 商品大类 计量单位 本月 截至本月 领证量 金额 份数 领证量 金额 份数', 'a month beside the year up to it')
  like(await sheet.innerText(), /统计月份: 2026-09[\s\S]*统计人: /, 'the head says of which month, and who drew it up')
  await page.getByText('发证商品').click()
  await sheet.locator('tbody').getByText(/酒糟/).first().waitFor()
  ok(true, 'by goods')
  await look(page, 'monthly statistics')
  for (const kind of ['CSV', 'XLSX']) {
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: `导出 ${kind}` }).click()])
    like(file.suggestedFilename(), new RegExp(`2026-09-goods.${kind.toLowerCase()}$`), `as ${kind}`)
  }
  await page.emulateMedia({ media: 'print' })
  ok(!(await page.locator('form.filters').isVisible()) && await sheet.isVisible(), 'on paper only the table')
  if (keep) await page.screenshot({ path: `${keep}/imports-print-monthly.png`, fullPage: true })
  await page.context().close()
}

// The second language: its words are there, and fit.
async function english() {
  const page = await as('demo_admin', '/app/nonmep/list/nonmep_licence')
  await page.getByRole('button', { name: 'English' }).click()
  const box = await openWay(page, 'NA2600000000000001', 'Way so far')
  like(await box.getByRole('status').innerText(), /with .*, for \d+ days? \(since 2026-09-03\)/, 'who has it, in English')
  await look(page, 'way in English')
  for (const [path, name, words] of [['/app/nonmep/monthly/nonmep_licence', 'months', /Year up to this month/], ['/app/mep/query/mep_licence/balance', 'balances', /For reference only/], ['/app/nonmep/new/nonmep_licence', 'verdict', /Pre-application/]]) {
    await go(page, path)
    await page.locator('[role=tabpanel]:visible table').first().waitFor()
    like(await page.locator('[role=tabpanel]:visible').innerText(), words, `${name} in English`)
    await look(page, `${name} in English`)
  }
  await page.context().close()
}

const parts = { home, filing, verdict, entry, way, catalogue, balances, clearances, months, english }
await test(async () => {
  clock('2026-09-03T11:00:00+08:00')
  for (const [name, part] of Object.entries(parts)) if (!process.env.SW_PART || process.env.SW_PART.split(',').includes(name)) await part()
})
