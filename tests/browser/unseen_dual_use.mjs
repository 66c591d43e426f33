// Dual-use items, a licence type that the front end has never seen: pre-application with rows, nested rows, a sheet, rules, desk, list, print.
import { accessible, fits, idle, is, like, ok, pdfText, test, url, variables } from './lib.mjs'
import { as, choose, confirm, field, fill } from './steps.mjs'
import { writeFileSync } from 'node:fs'

const NUMBER = 'DU2026000001'
const value = (page, path) => field(page, path).locator('input').inputValue()
const tag = (page, words) => page.locator('.anchors .tag').filter({ hasText: words }).waitFor()
const saved = (page) => page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
const aside = (page) => page.locator('aside').first()
async function look(page, name) {
  await idle(page)
  for (const width of [360, 1440]) {
    await page.setViewportSize({ width, height: width === 360 ? 780 : 900 })
    await fits(page, `${name} at ${width} px`)
    await accessible(page, `${name} at ${width} px`)
  }
}
async function take(page, input, text) {
  await input.click()
  await input.pressSequentially(text)
  await page.getByRole('listbox').getByRole('option').filter({ hasText: text }).first().waitFor()
  await input.press('Enter')
}

async function verdict(page) {
  const rows = page.getByRole('region', { name: /物项.*表格/ }).locator('tbody').getByRole('row')
  await rows.first().waitFor()
  ok(await page.getByText('两用物项和技术出口许可证').count() > 0, 'the menu offers the new licence')
  await page.getByRole('button', { name: '下一步' }).click()
  await page.getByText('请至少填写一行。').waitFor()
  ok(true, 'the pre-application asks for a row')
  await take(page, rows.first().getByRole('combobox'), '8112921000')
  await rows.first().getByText('3C901').waitFor()
  like(await rows.first().innerText(), /未锻轧的镓\(演示\)/, 'the code table fills what belongs to the code')
  await page.getByRole('button', { name: '+ 新增一行' }).click()
  await take(page, rows.nth(1).getByRole('combobox'), '2804690000')
  await rows.nth(1).getByText('1C210').waitFor()
  await look(page, 'pre-application of an unseen licence')
  await page.getByRole('button', { name: '下一步' }).click()
  await confirm(page)
  await field(page, 'base/end_user').waitFor()
}

async function fillIn(page) {
  is(await page.locator('td[data-path$="/hs_code"]').count(), 2, 'the form begins with the rows of the pre-application')
  is(await value(page, 'base/exporter_name'), '签章测试企业', 'and with what the session knows')
  await fill(page, 'base/end_user', '某研究所')
  await choose(page, 'base/end_country', '304')
  await field(page, 'base/end_use').getByText('军用').click()
  await field(page, 'base/end_use').getByText('军用物项不由本许可证管理。').waitFor()
  like(await aside(page).innerText(), /R-DU-1/, 'its own rule refuses, beside the field and in the checklist')
  await field(page, 'base/end_use').getByText('民用').click()
  await field(page, 'base/end_use').getByText('军用物项不由本许可证管理。').waitFor({ state: 'detached' })
  await fill(page, 'base/end_use_detail', '半导体材料研究')
  const goods = page.locator('section.panel').filter({ has: page.getByRole('heading', { name: '物项', exact: true }) })
  const quantities = goods.locator('td[data-path$="/qty"] input')
  for (const [index, text] of ['12.5', '7.5'].entries()) { await quantities.nth(index).fill(text); await quantities.nth(index).blur() }
  await page.waitForFunction(() => document.querySelector('[data-path="base/total_qty"] input')?.value === '20')
  ok(true, 'sums are computed')

  const inner = goods.getByRole('region', { name: /相关技术.*表格/ })
  is(await inner.count(), 2, 'each item has rows of its own')
  for (const [index, texts] of [['提纯', '晶体生长'], ['还原']].entries()) {
    const box = goods.locator('.rows .rows').nth(index), cells = box.locator('td[data-path$="/technology"] input')
    for (const [at, text] of texts.entries()) {
      while ((await cells.count()) <= at) await box.getByRole('button', { name: '+ 新增一行' }).click()
      await cells.nth(at).fill(text)
      await cells.nth(at).blur()
    }
  }
  await field(page, 'base/end_use').getByText('科研').click()
  await aside(page).getByText(/最终用户和最终用途证明/).first().waitFor()
  ok(true, 'for research the sheet is demanded')
  await field(page, 'base/end_use').getByText('民用').click()
  await aside(page).getByText(/最终用户和最终用途证明/).first().waitFor({ state: 'detached' })
  ok(true, 'for civil use it is not')
  await field(page, 'base/end_use').getByText('科研').click()
  await page.getByRole('button', { name: '暂存' }).click()
  await page.waitForURL(/doc\/dual_use_export\/\d+/)
  is(await value(page, 'base/application_no'), NUMBER, 'saved, it has a number of its own kind')
  await page.reload()
  await field(page, 'base/end_user').waitFor()
  const names = await page.locator('td[data-path$="/technology"] input').evaluateAll((all) => all.map((input) => input.value).filter(Boolean).join(' '))
  is(names, '提纯 晶体生长 还原', 'nested rows are there after a reload, each with its item')
  await look(page, 'form of an unseen licence')
}

async function sheet(page) {
  await page.getByRole('button', { name: '申报', exact: true }).hover()
  ok(await page.getByRole('tooltip').filter({ visible: true }).count() > 0, 'without the sheet nothing is submitted')
  await page.getByRole('button', { name: '最终用户和最终用途证明', exact: true }).click()
  const box = page.getByRole('dialog', { name: '最终用户和最终用途证明' })
  await fill(page, 'guarantee/guarantor', '某部科技司')
  await fill(page, 'guarantee/guarantee_date', '2026-08-01')
  await look(page, 'sheet of an unseen licence')
  await box.getByRole('button', { name: '保存', exact: true }).click()
  await box.waitFor({ state: 'hidden' })
  await saved(page)
  await aside(page).getByText(/最终用户和最终用途证明/).first().waitFor({ state: 'detached' })
  ok(true, 'with the sheet nothing is missing')
  await page.locator('.promise input').check()
  await page.getByRole('button', { name: '申报', exact: true }).click()
  await tag(page, '待审')
  ok(true, 'and it is submitted')
  await page.getByRole('button', { name: '查看流程状态' }).click()
  const way = page.getByRole('dialog', { name: '查看流程状态' })
  await way.getByText(/当前状态：待审/).waitFor()
  await look(page, 'way of an unseen licence')
  await page.keyboard.press('Escape')
  await way.waitFor({ state: 'hidden' })
}

async function review(name, action) {
  const page = await as(name, '/app/desk/queue')
  const link = page.getByRole('link', { name: NUMBER })
  await page.getByRole('button', { name: action === '发证' ? /待复审/ : /待审/ }).click()
  await link.click()
  await page.getByRole('button', { name: '领取' }).last().click()
  await page.getByRole('button', { name: '放回' }).last().waitFor()
  like(await page.locator('main').innerText(), /提纯[\s\S]*某部科技司/, `the desk shows nested rows and the sheet to ${name}`)
  await look(page, `${action} of an unseen licence`)
  const done = page.waitForResponse((answer) => /\/actions\//.test(answer.url()))
  await page.locator('.decide').getByRole('button', { name: action, exact: true }).click()
  await confirm(page)
  is((await done).status(), 200, `${action} by ${name}`)
  await page.context().close()
}

async function list(page) {
  const id = /doc\/dual_use_export\/(\d+)/.exec(page.url())[1]
  await page.goto(`${url}/#/app/export/list/dual_use_export`)
  await page.reload()
  const row = page.locator('tbody').getByRole('row').filter({ hasText: NUMBER })
  await row.filter({ hasText: '已发证' }).waitFor()
  like(await row.innerText(), /26DU000001[\s\S]*未锻轧的镓\(演示\)[\s\S]*20/, 'its own list shows the licence, its first item and the sum')
  await page.getByLabel('名称').fill('含硅量')
  await page.keyboard.press('Enter')
  await idle(page)
  await row.waitFor()
  ok(true, 'it is found by its second item')
  await page.getByLabel('名称').fill('没有这种')
  await page.keyboard.press('Enter')
  await row.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: '重置' }).click()
  await row.waitFor()
  await look(page, 'list of an unseen licence')
  await row.getByRole('checkbox').check()
  const printed = page.waitForResponse(/print\/application/)
  await page.getByRole('button', { name: /打印/ }).click()
  is((await printed).status(), 200, 'it prints from the list')
  const file = `${variables}/dual.pdf`
  writeFileSync(file, await (await page.request.get(`${url}/api/export/documents/${id}/print/application.pdf`)).body())
  const text = pdfText(file)
  like(text, new RegExp(`两用物项和技术出口许可证申请表 ${NUMBER}`), 'under its own title')
  like(text, /8112921000\s+未锻轧的镓\(演示\)\s+3C901\s+12\.5/, 'with its first item')
  like(text, /2804690000\s+其他含硅量少于99\.99%的硅\(演示\)\s+1C210\s+7\.5/, 'and its second')
  like(text, /科研\s+半导体材料研究/, 'and the end use in words')
}

await test(async () => {
  const page = await as('demo_admin', '/app/export/new/dual_use_export')
  await verdict(page)
  await fillIn(page)
  await sheet(page)
  await review('demo_first', '初审通过')
  await review('demo_second', '发证')
  await list(page)
})
