// 导入XML with results file by file, 导出XML, and goods lines from a spreadsheet.
import { readFileSync } from 'node:fs'
import { accessible, fits, is, like, ok, test, variables } from './lib.mjs'
import { as } from './steps.mjs'

const shot = (page, name) => process.env.SW_SHOTS && page.screenshot({ path: `${process.env.SW_SHOTS}/${name}.png`, fullPage: true })
const file = name => `${variables}/${name}`
const dialog = (page, name) => page.getByRole('dialog', { name })
const button = (place, name) => place.getByRole('button', { name, exact: true })

async function imports(page) {
  await button(page, '导入XML').click()
  const box = dialog(page, '导入XML')
  await box.locator('input[type=file]').setInputFiles([file('good.xml'), file('broken.xml')])
  like(await box.innerText(), /2 个文件/, 'two files are chosen')
  await button(box, '导入').click()
  await box.getByText('导入 1 个文件，1 个未导入').waitFor()
  const rows = await box.getByRole('row').allInnerTexts()
  like(rows[1], /broken\.xml[\s\S]*失败[\s\S]*第 \d+ 行[\s\S]*CertificateHead\/\w+/, 'the broken one comes first, with line and element')
  like(rows.join('\n'), /InvDate[\s\S]*2026-09-03/, 'and what to do')
  like(rows.join('\n'), /good\.xml[\s\S]*CO26\d{10}[\s\S]*暂存/, 'the good one is a draft with its number')
  await accessible(page, 'the import dialog')
  await shot(page, 'import')
  await button(box, '关闭').click()
  await box.waitFor({ state: 'detached' })
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
  const phone = await as('demo_admin', '/app/origin/list/certificate_of_origin', { width: 360 })
  await button(phone, '导入XML').click()
  const box = dialog(phone, '导入XML')
  await box.locator('input[type=file]').setInputFiles(file('broken.xml'))
  await button(box, '导入').click()
  await box.getByText('导入 0 个文件，1 个未导入').waitFor()
  await fits(phone, 'the import dialog on a phone')
  await shot(phone, 'phone')
})
