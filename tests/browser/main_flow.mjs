// A new enterprise from its registration to a licence that customs has written off: the whole module, as people use it.
import { writeFileSync } from 'node:fs'
import { accounts, accessible, fits, is, like, ok, open, pdfText, qrCodes, test, url, variables } from './lib.mjs'
import { as, choose, confirm, field, fill, newEnterprise, until } from './steps.mjs'

const pdf = { name: '合同.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n') }
const saved = async (download, name) => { const file = `${variables}/${name}`; await download.saveAs(file); return file }

async function register() {
  const page = await newEnterprise({ name: 'steel_works', person: '王工', password: 'Steel-Works-2026', mobile: '13800001111', email: 'wang@steel.example',
    enterprise: '辽宁恒益五金矿产有限公司(演示)', uscc: '91210200MA0XY12345', code: '2102299201930', address: '大连市中山区1号', phone: '0411-12345678',
    async look(page, name) {
      if (name === 'empty registration') ok(await page.locator('.wrong').count() >= 4, 'registration marks every missing field')
      else await accessible(page, name)
    } })
  ok(true, 'a new enterprise registers')
  like(await page.locator('header').first().innerText(), /2102299201930/, 'the header shows the company and its 13-digit code')
  return page
}

async function apply(page) {
  await page.goto(`${url}/#/app/export/new/export_licence`)
  await page.getByRole('button', { name: '下一步' }).click()
  await page.locator('.wrong').first().waitFor()
  ok(true, 'the pre-application marks what is missing')
  await choose(page, 'goods/hs_code', '7208')
  await choose(page, 'base/customs_port', 'sdjc')
  await accessible(page, 'pre-application')
  await page.getByRole('button', { name: '下一步' }).click()
  await confirm(page)
  await field(page, 'base/import_country').waitFor()
  is(await field(page, 'goods/goods_class').locator('input').inputValue(), 'STEEL', 'the catalogue fills the goods')
  ok((await field(page, 'base/exporter_code').locator('input').inputValue()) === '2102299201930', 'the exporter comes from the session')
  const list = page.getByRole('region', { name: /还差什么/ }).or(page.locator('aside'))
  like(await list.first().innerText(), /R-EX-5[\s\S]*R-EX-6/, 'the checklist demands producers and certificates, by rule')
}

async function fillIn(page) {
  await choose(page, 'base/import_country', '韩国')
  await choose(page, 'base/transport_mode', 'hsys')
  await choose(page, 'base/payment_term', '4')
  for (const [path, text] of Object.entries({
    'base/contract_no': 'HY-2026-01', 'base/importer_name_zh': '韩国钢铁株式会社', 'base/importer_name_en': 'Korea Steel Co', 'base/contract_total_qty': '1000',
    'base/contract_sign_date': '2026-08-01', 'base/contract_total_amount': '650000', 'base/contract_valid_date': '2026-12-31', 'other/applicant_contact': '0411-12345678'
  })) await fill(page, path, text)
  await choose(page, 'other/issuing_agency', 'AA')
  const row = page.locator('td[data-path^="specs/"]')
  await row.filter({ has: page.getByLabel('规格、等级') }).first().locator('input').fill('Q345 3mm')
  await row.filter({ has: page.getByLabel('单价') }).first().locator('input').fill('650')
  await row.filter({ has: page.getByLabel('数量') }).first().locator('input').fill('1000')
  await row.filter({ has: page.getByLabel('数量') }).first().locator('input').blur()
  await page.waitForFunction(() => [...document.querySelectorAll('[data-path="goods/total_amount"] input')].some((input) => /650,?000/.test(input.value)))
  ok(true, 'totals are computed while typing')
}

async function addRow(page, block, values) {
  const panel = page.locator('section.panel').filter({ has: page.getByRole('heading', { name: block }) }).first()
  await panel.getByRole('button', { name: /增加|添加|新增|\+/ }).first().click()
  for (const [label, text] of Object.entries(values)) await panel.getByLabel(label, { exact: true }).last().fill(text)
  await panel.getByRole('button', { name: '保存', exact: true }).last().click()
}

async function finish(page) {
  await page.getByRole('button', { name: '暂存' }).click()
  await page.waitForURL(/doc\/export_licence\/\d+/)
  is(await field(page, 'base/application_no').locator('input').inputValue(), '2026000001', 'saving gives the application its number')
  await page.getByRole('button', { name: '申报', exact: true }).hover()
  ok(await page.getByRole('tooltip').filter({ visible: true }).count() > 0, 'the disabled submit button says why')
  await addRow(page, '生产商', { '生产商名称': '鞍山钢厂', '生产商统一社会信用代码': '988899977763675550' })
  await addRow(page, '产品证明编号', { '产品质量检验合格证明编号': '无编号' })
  await page.getByRole('button', { name: '暂存' }).click()
  for (const type of ['01', '11']) {
    await page.getByRole('button', { name: /附件/ }).first().click()
    const dialog = page.getByRole('dialog')
    await dialog.locator('select').selectOption(type)
    await dialog.locator('input[type=file]').setInputFiles(pdf)
    await dialog.getByRole('button', { name: '上传', exact: true }).click()
    await dialog.getByRole('row').filter({ hasText: '合同.pdf' }).nth(type === '01' ? 0 : 1).waitFor()
    if (type === '01') await accessible(page, 'attachments')
    await dialog.getByRole('button', { name: '关闭' }).last().click()
    await dialog.waitFor({ state: 'hidden' })
  }
  await page.locator('.promise input').check()
  await accessible(page, 'application form')
}

async function submit(page) {
  await page.getByRole('button', { name: '申报', exact: true }).click()
  await confirm(page)
  await page.locator('.tag').filter({ hasText: '待初审' }).first().waitFor()
  ok(true, 'it is submitted')
}

async function review(name, action, opinion) {
  const page = await as(name, '/app/desk/queue')
  await page.getByRole('button', { name: /^2026000001/ }).or(page.getByRole('link', { name: /^2026000001/ })).first().click()
  await page.getByRole('button', { name: '领取' }).last().click()
  await page.getByRole('button', { name: '放回' }).last().waitFor()
  if (opinion) await page.locator('.decide textarea').fill(opinion)
  if (opinion) await accessible(page, 'review')
  const done = page.waitForResponse((answer) => /\/actions\//.test(answer.url()))
  await page.locator('.decide').getByRole('button', { name: action, exact: true }).click()
  await confirm(page)
  is((await done).status(), 200, `${action} by ${name}`)
  await page.context().close()
}

await test(async () => {
  const page = await register()
  await apply(page)
  await fillIn(page)
  await finish(page)
  await submit(page)
  await review('demo_first', '初审退回', '请核对合同号')
  await page.reload()
  await page.locator('.tag').filter({ hasText: '初审退回' }).first().waitFor()
  await page.getByRole('button', { name: '查看审批意见' }).click()
  await page.getByText('请核对合同号').waitFor()
  ok(true, 'the enterprise reads the opinion')
  await page.keyboard.press('Escape')
  await fill(page, 'base/contract_no', 'HY-2026-02')
  await page.getByRole('button', { name: '暂存' }).click()
  await page.waitForTimeout(300)
  await page.locator('.promise input').check()
  await submit(page)
  await review('demo_first', '初审通过')
  await review('demo_second', '复审通过')

  const id = /doc\/export_licence\/(\d+)/.exec(page.url())[1]
  await until(() => page.evaluate(async (id) => (await (await fetch(`/api/export/documents/${id}`)).json()).document.state === 'PRINTED', id))
  await page.goto(`${url}/#/app/export/list/export_licence`)
  await page.reload()
  const line = page.getByRole('row').filter({ hasText: '2026000001' })
  like(await line.innerText(), /已打印[\s\S]*26AA500001/, 'the list shows the licence')
  await accessible(page, 'list')
  await line.getByRole('checkbox').check()
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '电子许可证下载' }).click()])
  const file = await saved(download, 'licence.pdf')
  const text = pdfText(file)
  like(text, /出口许可证/, 'the licence PDF opens')
  like(text, /26-AA-500001/, 'with its number')
  like(text, /鞍山|Q345/, 'and its specification')
  like(text, /韩国/, 'and country')
  const [code] = qrCodes(file)
  like(code, /verify\?module=export&number=26AA500001&code=[0-9A-Z]{16}$/, 'its QR code leads to the verification page')

  const key = Object.entries(accounts()).find(([name]) => name === 'partner')[1]
  const customs = (path, data) => page.request.post(`${url}/partner/export/${path}`, { data, headers: { Authorization: `Bearer ${key}` } })
  is((await customs('customs-status', { message_id: 'b1', licence_no: '26AA500001', status: 'STORED' })).status(), 200, 'customs accepts it')
  is((await customs('write-offs', { message_id: 'b2', licence_no: '26AA500001', declaration_no: '090820260500000411', quantity: '400', unit: '035', released: '2026-09-10' })).status(), 200, 'customs writes 400 off')
  await page.goto(`${url}/#/app/export/query/export_licence/customs`)
  await page.getByRole('row').filter({ hasText: '报关单核注' }).waitFor()
  ok(true, 'the customs status is shown')
  await page.goto(`${url}/#/app/export/write-offs/export_licence`)
  await page.getByRole('row').filter({ hasText: '090820260500000411' }).waitFor()
  ok(true, 'and the write-off')

  const anybody = await open('/' + code.slice(code.indexOf('#')))
  await anybody.getByText(/有效/).first().waitFor()
  like(await anybody.locator('main').innerText(), /26AA500001[\s\S]*600/, 'the public page confirms the licence and what is left')
  await accessible(anybody, 'verification')
  await anybody.setViewportSize({ width: 360, height: 800 })
  await fits(anybody, 'verification at 360 px')
})
