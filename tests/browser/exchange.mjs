// 批量导入 of messages with results file by file, and of a workbook; 导出XML, and goods lines from a spreadsheet.
import { readFileSync } from 'node:fs'
import { accessible, fits, is, like, ok, test, url, variables } from './lib.mjs'
import { as } from './steps.mjs'

const shot = (page, name) => process.env.SW_SHOTS && page.screenshot({ path: `${process.env.SW_SHOTS}/${name}.png`, fullPage: true })
const file = name => `${variables}/${name}`
const dialog = (page, name) => page.getByRole('dialog', { name })
const button = (place, name) => place.getByRole('button', { name, exact: true })

async function imports(page) {
  await page.getByText('还没有单据，点“创建原产地证”新建一份。').waitFor()
  await button(page, '批量导入').click()
  const box = dialog(page, '批量导入')
  await box.locator('input[type=file]').setInputFiles([file('good.xml'), file('broken.xml')])
  like(await box.innerText(), /2 个文件/, 'two files are chosen')
  await button(box, '导入').click()
  await box.getByText('导入 1 个文件，1 个未导入').waitFor()
  const rows = await box.getByRole('row').allInnerTexts()
  like(rows[1], /broken\.xml[\s\S]*未导入[\s\S]*第 \d+ 行[\s\S]*CertificateHead\/\w+/, 'the broken one comes first, with line and element')
  like(rows.join('\n'), /InvDate[\s\S]*2026-09-03/, 'and what to do')
  like(rows.join('\n'), /good\.xml[\s\S]*CO26\d{10}[\s\S]*暂存/, 'the good one is a draft with its number')
  await accessible(page, 'the import dialog')
  ok(await page.waitForFunction(() => document.activeElement?.innerText.includes('1 个未导入')), 'the cursor is at what came of it')
  ok(await button(box, '导入').isDisabled(), 'pressed once more nothing is made twice')
  await shot(page, 'import')
  await button(box, '关闭').click()
  await box.waitFor({ state: 'detached' })
}

// Many at once by a workbook or JSON; closed under way, it is told at the end what came of it.
async function bulk(page) {
  await page.goto(`${url}/#/app/export/list/export_licence`)
  await button(page, '批量导入').click()
  const box = dialog(page, '批量导入')
  const [template] = await Promise.all([page.waitForEvent('download'), button(box, '下载模板').click()])
  is(template.suggestedFilename(), 'export_licence.xlsx', 'the workbook')
  await box.locator('input[type=file]').setInputFiles({ name: 'two.json', mimeType: 'application/json', buffer: Buffer.from(JSON.stringify([{ base: { year: 2026, contract_no: 'GOOD' } }, { base: { year: 2026, contract_sign_date: '2026-02-30' }, specs: { variant: 'ordinary', rows: [{ spec: '1' }, { qty: 'many' }] } }])) })
  await button(box, '导入').press('Enter')
  await box.getByText('导入 1 份单据，1 份未导入').waitFor()
  const rows = await box.getByRole('row').allInnerTexts()
  like(rows.join('\n'), /2\s+未导入\s+基本数据 合同签订日期[\s\S]*规格型号 第 2 行 数量[\s\S]*1\s+2026\d{6}/, 'each with its document and the words of its place on the form')
  await accessible(page, 'results of many')
  await box.locator('input[type=file]').setInputFiles({ name: 'none.json', mimeType: 'application/json', buffer: Buffer.from('[{"base":{"year":2026}}]') })
  let go
  const held = new Promise((resolve) => { go = resolve })
  await page.route('**/api/export/jobs/*', async (route) => { await held; await route.continue() })
  await button(box, '导入').click()
  await box.getByRole('progressbar').waitFor()
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  await button(page, '批量导入').click()
  await box.getByRole('progressbar').waitFor()
  ok(true, 'opened again, it shows how far it is')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  go()
  await page.getByRole('alert').filter({ hasText: '导入 1 份单据，0 份未导入' }).waitFor()
  ok(true, 'closed, it goes on and says what came of it')
  await page.goto(`${url}/#/app/origin/list/certificate_of_origin`)
}

async function exports(page) {
  await page.getByRole('checkbox').nth(1).check()
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, '导出XML').click()])
  like(download.suggestedFilename(), /^CO26\d{10}\.xml$/, 'exported')
  like(readFileSync(await download.path(), 'utf8'), /<InvNo>PAGE-1<\/InvNo>/, 'it is the certificate')
}

async function sheet(page) {
  await page.getByRole('link', { name: 'PAGE-1' }).click()
  await button(page, '导入表格').first().click()
  const box = dialog(page, '导入表格')
  await box.locator('input[type=file]').setInputFiles(file('wrong.xlsx'))
  await button(box, '导入').click()
  await box.getByText('第 2 行 C 列').waitFor()
  like(await box.innerText(), /第 1 行 D 列[\s\S]*没有这一列/, 'what is wrong is told by row and column')
  await accessible(page, 'the sheet dialog')
  await shot(page, 'sheet')
  await box.locator('input[type=file]').setInputFiles(file('goods.xlsx'))
  await button(box, '导入').click()
  await box.waitFor({ state: 'detached' })
  await page.getByText('FROM A SHEET').first().waitFor()
  ok(true, 'rows of a sound sheet stand in the form')
  await button(page, '暂存').click()
  await page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
  await page.reload()
  await page.getByText('FROM A SHEET').first().waitFor()
  is(await page.getByText('SECOND', { exact: true }).first().isVisible(), true, 'and are saved with it')
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, '下载模板').first().click()])
  is(download.suggestedFilename(), 'certificate_of_origin-goods.xlsx', 'there is a template')
  await shot(page, 'form')
}

test(async () => {
  const page = await as('demo_admin', '/app/origin/list/certificate_of_origin', { width: 1440 })
  await imports(page)
  await shot(page, 'list')
  await exports(page)
  await sheet(page)
  await bulk(page)
  const phone = await as('demo_admin', '/app/origin/list/certificate_of_origin', { width: 360 })
  await button(phone, '批量导入').click()
  const box = dialog(phone, '批量导入')
  await box.locator('input[type=file]').setInputFiles(file('broken.xml'))
  await button(box, '导入').click()
  await box.getByText('导入 0 个文件，1 个未导入').waitFor()
  await fits(phone, 'the import dialog on a phone')
  await shot(phone, 'phone')
})
