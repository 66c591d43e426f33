// Other automatic import goods: a new enterprise registers, files its bulk goods, applies for two goods, is returned, corrects, is approved,
// and customs uses the licence in two parts.
import { writeFileSync } from 'node:fs'
import { accounts, clock, is, like, ok, open, pdfText, qrCodes, test, url, variables } from './lib.mjs'
import { as, choose, confirm, field, fill, look, newEnterprise, signIn, until } from './steps.mjs'

const NUMBER = 'NA2600000000000001', ORE = '2601111000', SOYA = '1201901100'
const ENTERPRISE = { name: 'north_port', person: '赵敏', password: 'North-Port-2026', mobile: '13800003333', email: 'zhao@port.example',
  enterprise: '大连北港进出口有限公司(演示)', uscc: '91210200776367555C', code: '2102776367555', address: '大连市北港路3号', phone: '0411-87654321' }
const pdf = { name: '进口合同.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n') }

const dialog = (page, name) => page.getByRole('dialog', { name })
const go = async (page, path) => { await page.goto(`${url}/#${path}`); await page.reload() }
const value = (page, path) => field(page, path).locator('input').inputValue()
const valueIs = (page, path, wanted) => page.waitForFunction(([path, wanted]) => new RegExp(wanted).test(document.querySelector(`[data-path="${path}"] input`)?.value || ''), [path, wanted])
const tag = (page, words) => page.locator('.anchors .tag').filter({ hasText: words }).waitFor()
const saved = page => page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
const checklist = page => page.locator('aside')
const button = (page, name) => page.getByRole('button', { name, exact: true })
/** A field of the nth row of a table, by the end of its path. */
const cell = (place, name, row = 0) => place.locator(`[data-path$="/${name}"]`).nth(row)

async function bulkRegistration(page) {
  await go(page, '/app/nonmep/own/bulk_registration')
  await field(page, 'registration/ent_name').waitFor()
  is(await value(page, 'registration/ent_code'), ENTERPRISE.code, 'the bulk registration knows the enterprise')
  is(await value(page, 'registration/ent_name'), ENTERPRISE.enterprise, 'and its name')
  await button(page, '暂存').click()
  await saved(page)
  like(await checklist(page).innerText(), /海关注册号[\s\S]*工商登记号[\s\S]*注册资金[\s\S]*企业经营地址[\s\S]*联系人[\s\S]*联系电话/, 'everything else is to be filled in')
  for (const [name, text] of Object.entries({ customs_registration: '2102960001', business_registration: '210200000012345', capital: '50000000', business_address: '大连市北港路3号', reg_contact: '赵敏', reg_phone: '0411-87654321' }))
    await fill(page, `registration/${name}`, text)
  await look(page, 'bulk registration')
  await button(page, '保存并上报').click()
  await confirm(page).catch(() => null)
  await tag(page, '已上报')
  ok(true, 'the bulk registration is saved and reported')
  await look(page, 'bulk registration reported')
}

async function verdict(page) {
  await go(page, '/app/nonmep/new/nonmep_licence')
  const rows = page.getByRole('region', { name: /商品.*表格/ }).locator('tbody').getByRole('row')
  await rows.first().waitFor()
  const take = async (row, code) => {
    const input = row.getByRole('combobox')
    await input.click()
    await input.pressSequentially(code)
    await input.press('Enter')
    await row.locator('.filled').filter({ hasText: code === ORE ? '未烧结铁矿砂' : '黄大豆' }).waitFor()
  }
  await take(rows.first(), ORE)
  await page.getByRole('button', { name: '+ 新增一行' }).click()
  await take(rows.nth(1), SOYA)
  ok(true, 'two goods are named before the application, and their names are shown')
  await field(page, 'other/one_batch_one_licence').getByText('否', { exact: true }).click()
  await choose(page, 'base/customs_port_1', '0101')
  await look(page, 'pre-application')
  await button(page, '下一步').click()
  const word = page.locator('.el-message-box')
  await word.waitFor()
  like(await word.innerText(), /可以申请电子许可证/, 'the verdict says that an electronic licence can be applied for')
  await look(page, 'verdict')
  await confirm(page)
  await field(page, 'base/trade_country_1').waitFor()
  is(await value(page, 'base/applicant_name'), ENTERPRISE.enterprise, 'the applicant comes from the registration')
  like(await value(page, 'base/customs_port_1'), /0101/, 'what was said before the application stands in it')
}

async function fillIn(page) {
  await choose(page, 'base/trade_country_1', '601')
  await choose(page, 'base/origin_country_1', '601')
  await fill(page, 'base/eta_date', '2026-11-01')
  await choose(page, 'goods_head/price_currency', 'CNY')
  const rows = page.locator('section.panel').filter({ has: page.getByRole('heading', { name: '商品信息', exact: true }) })
  for (const [row, spec, price, quantity] of [[0, '粉矿 62%', '1.246', '100'], [1, '散装', '34.2', '33']]) {
    await cell(rows, 'spec', row).locator('input').fill(spec)
    await cell(rows, 'unit_price', row).locator('input').fill(price)
    await cell(rows, 'qty', row).locator('input').fill(quantity)
    await cell(rows, 'qty', row).locator('input').blur()
  }
  await valueIs(page, 'goods_head/total_amount_usd', '^177$')
  is(await cell(rows, 'line_total_usd', 0).locator('input').inputValue(), '18', 'the first line is whole dollars')
  is(await cell(rows, 'line_total_usd', 1).locator('input').inputValue(), '159', 'and the second')
  ok(true, 'the total is the sum of the rounded lines: 18 + 159 = 177')
  like(await value(page, 'goods_head/total_qty'), /^133$/, 'the quantities of both goods are summed up')
  like(await value(page, 'goods_head/total_amount'), /^1,?253\.2/, 'and the amounts')
  await fill(page, 'more/contact_phone', '0411-87654321')
  await fill(page, 'more/import_contract_no', 'BG-2026-9')
  await button(page, '暂存').click()
  await page.waitForURL(/doc\/nonmep_licence\/\d+/)
  await saved(page)
  is(await value(page, 'base/application_no'), NUMBER, 'the first save gives the number')
  is(await value(page, 'base/eta_date'), '2026-11-01', 'what was typed stands')
  is((await rows.locator('thead').first().innerText()).split(/\s+/).filter(Boolean).join(' '), '序号 *商品代码 商品名称 数量 折美元 操作', 'the goods show what is filled in and what comes of it')
  await rows.getByRole('button', { name: '显示全部列' }).first().click()
  like(await rows.locator('thead').first().innerText(), /商品类别[\s\S]*单位[\s\S]*溢装比例[\s\S]*金额[\s\S]*铁矿石[\s\S]*大宗农产品/, 'all other columns are shown when asked for')
  await rows.getByRole('button', { name: '显示全部列' }).first().click()
  await look(page, 'application')
}

async function printElsewhere(page) {
  await field(page, 'other/remote_print').getByText('是', { exact: true }).click()
  await choose(page, 'other/remote_print_agency', 'AA')
  await field(page, 'other/remote_print_agency').getByText('异地出证机构不能与发证机构相同').waitFor()
  ok(true, 'the agency that issues cannot be the one that prints')
  await choose(page, 'other/remote_print_agency', 'AB')
  await field(page, 'other/remote_print_agency').getByText('异地出证机构不能与发证机构相同').waitFor({ state: 'detached' })
  ok(true, 'another one can')
}

async function contract(page) {
  like(await checklist(page).innerText(), /合同信息表/, 'the checklist asks for the contract sheet')
  await button(page, '合同信息表').click()
  const sheet = dialog(page, '合同信息表')
  await sheet.waitFor()
  is(await sheet.locator('[data-path="contract/ent_name"] input').inputValue(), ENTERPRISE.enterprise, 'the sheet knows the enterprise')
  for (const [name, text] of Object.entries({ ent_founded: '2012-05-06', ent_capital_10k: '5000', ent_address: '大连市北港路3号', ent_contact: '赵敏', foreign_party_zh: '澳洲矿业公司', goods_description: '铁矿粉与黄大豆' }))
    await fill(page, `contract/${name}`, text)
  await look(page, 'contract sheet')
  await sheet.getByRole('button', { name: '保存', exact: true }).click()
  await sheet.waitFor({ state: 'hidden' })
  await saved(page)
  ok(!/合同信息表/.test((await checklist(page).innerText()).replace(/铁矿石合同信息表/g, '')), 'the saved sheet is no longer asked for')
}

// Without the iron-ore sheet nothing is submitted; it has rows of its own.
async function ore(page) {
  await page.locator('.promise input').check()
  const submit = button(page, '上报')
  is(await submit.getAttribute('aria-disabled'), 'true', 'without the iron-ore sheet nothing is submitted')
  like(await checklist(page).innerText(), /铁矿石合同信息表/, 'and the checklist names it')
  const id = /doc\/nonmep_licence\/(\d+)/.exec(page.url())[1]
  const token = (await (await page.request.get(`${url}/api/account/session`)).json()).csrf
  const refused = await page.request.post(`${url}/api/nonmep/documents/${id}/actions/submit`, { data: {}, headers: { 'X-CSRF-Token': token, 'If-Match': '*' } })
  is(refused.status(), 422, 'the program refuses it, too')
  like(await refused.text(), /铁矿石合同信息表/, 'with words that name the sheet')
  await checklist(page).getByRole('button', { name: /铁矿石合同信息表/ }).first().click()
  const sheet = dialog(page, '铁矿石合同信息表')
  await sheet.waitFor()
  ok(true, 'the checklist opens it')
  await look(page, 'iron ore sheet empty')
  like(await sheet.locator('[data-path="iron_ore/ore_origin"] input').inputValue(), /澳大利亚/, 'origin comes from the application')
  is(await sheet.locator('[data-path="iron_ore/ore_contract_no"] input').inputValue(), 'BG-2026-9', 'and so does the contract number')
  await choose(page, 'iron_ore/ore_contract_type', '2')
  await choose(page, 'iron_ore/ore_ent_nature', '1')
  await choose(page, 'iron_ore/ore_port_1', 'CNNKG')
  await choose(page, 'iron_ore/ore_port_2', 'CNZHE')
  for (const [name, text] of Object.entries({ ore_sign_date: '2026-08-01', ore_from: '2026-09-01', ore_to: '2026-08-01', ore_seller_zh: '澳洲矿业公司', ore_seller_en: 'Ore of Australia Pty', ore_cfr_freight: '9.5' })) await fill(page, `iron_ore/${name}`, text)
  await sheet.getByText('合同期间的结束日期不能早于开始日期').waitFor()
  ok(true, 'a contract cannot end before it begins')
  await fill(page, 'iron_ore/ore_to', '2027-08-31')

  const rows = sheet.locator('.rows')
  const enter = async (row, kind, values) => {
    const code = cell(rows, 'ore_kind', row).getByRole('combobox')
    await code.click()
    await code.pressSequentially(kind)
    await page.getByRole('listbox').getByRole('option').filter({ hasText: /\S/ }).first().waitFor()
    await code.press('Enter')
    for (const [name, text] of Object.entries(values)) {
      await cell(rows, name, row).locator('input').fill(text)
      await cell(rows, name, row).locator('input').blur()
    }
  }
  await enter(0, '粉矿', { ore_name: '纽曼粉', ore_grade: '62.5', ore_qty: '1.5', ore_price: '95000' })
  await rows.getByRole('button', { name: /新增一行/ }).click()
  await enter(1, '块矿', { ore_name: '纽曼块', ore_grade: '63', ore_qty: '0.25', ore_price: '120000.5' })
  await page.waitForFunction(() => [...document.querySelectorAll('[data-path$="/ore_amount"] input')].map((input) => input.value.replace(/,/g, '')).join(' ') === '142500 30000.13')
  ok(true, 'amounts of the rows are computed, to the cent')
  await look(page, 'iron ore sheet')
  await sheet.getByRole('button', { name: '保存', exact: true }).last().click()
  await sheet.waitFor({ state: 'hidden' })
  await saved(page)
  ok(!/铁矿石合同信息表/.test(await checklist(page).innerText()), 'the saved sheet is no longer asked for')
  await page.reload()
  await button(page, '铁矿石合同信息表').click()
  await sheet.getByRole('button', { name: '保存', exact: true }).last().waitFor()
  is(await sheet.locator('.rows tbody [data-path$="/ore_name"]').count(), 2, 'its rows are kept')
  like(await cell(sheet, 'ore_name', 1).locator('input').inputValue(), /纽曼块/, 'in their order')
  await page.keyboard.press('Escape')
  await sheet.waitFor({ state: 'hidden' })
}

async function attach(page) {
  await page.getByRole('button', { name: /附件/ }).first().click()
  const box = dialog(page, /附件/)
  await box.locator('select').selectOption('01')
  await box.locator('input[type=file]').setInputFiles(pdf)
  await button(box, '上传').click()
  await box.getByRole('row').filter({ hasText: '进口合同.pdf' }).waitFor()
  ok(true, 'the import contract is attached')
  await look(page, 'attachments')
  await button(box, '关闭').last().click()
  await box.waitFor({ state: 'hidden' })
}

async function submit(page) {
  await page.locator('.promise input').check()
  const press = button(page, '上报')
  await page.waitForFunction((element) => !element.hasAttribute('aria-disabled'), await press.elementHandle())
  await press.click()
  await confirm(page)
  await tag(page, '待初审')
}

/** What an officer does with the document, on the desk. */
async function desk(name, action, opinion, { claim = true } = {}) {
  const page = await as(name, '/app/desk/queue')
  await page.getByRole('link', { name: NUMBER }).or(page.getByRole('button', { name: new RegExp(`^${NUMBER}`) })).first().click()
  if (claim) {
    await page.getByRole('button', { name: '领取' }).last().click()
    await page.getByRole('button', { name: '放回' }).last().waitFor()
  }
  const press = page.locator('.decide').getByRole('button', { name: action, exact: true })
  await press.waitFor()
  if (opinion) await page.locator('.decide textarea').fill(opinion)
  await look(page, `desk ${action}`)
  const done = page.waitForResponse((answer) => /\/actions\//.test(answer.url()))
  await press.click()
  await confirm(page)
  is((await done).status(), 200, `${name}: ${action}`)
  await page.context().close()
}

// The withdrawal has a column of its own: asked for, refused, and the application goes on.
async function withdraw(page) {
  await go(page, '/app/nonmep/list/nonmep_licence')
  const line = page.getByRole('row').filter({ hasText: NUMBER }).filter({ has: page.getByRole('checkbox') })
  await line.getByRole('checkbox').check()
  await button(page, '撤销').click()
  await page.locator('.el-message-box').waitFor()
  await look(page, 'withdrawal asked')
  await confirm(page)
  await dialog(page, '撤销结果').getByText('成功 1 份').waitFor()
  ok(true, 'one document is withdrawn from the list')
  await button(dialog(page, '撤销结果'), '关闭').click()
  await line.filter({ hasText: '待撤销' }).waitFor()
  like(await line.innerText(), /待初审[\s\S]*待撤销/, 'a withdrawal is asked for in a column of its own')
  await look(page, 'list with a withdrawal')
  await desk('demo_first', '不同意撤销', '已开始初审，请等待。', { claim: false })
  await page.reload()
  await line.filter({ hasText: '撤销不通过' }).waitFor()
  like(await line.innerText(), /待初审[\s\S]*撤销不通过/, 'the agency refuses, and the application goes on')
}

async function correct(page, id) {
  await go(page, `/app/nonmep/doc/nonmep_licence/${id}`)
  await tag(page, '初审不通过')
  await button(page, '查询审批状态').click()
  const box = page.getByRole('dialog')
  await box.getByText('进口合同号与合同不一致，请核对。').waitFor()
  ok(true, 'the enterprise reads the opinion')
  await look(page, 'opinion')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  await fill(page, 'more/import_contract_no', 'BG-2026-10')
  await button(page, '暂存').click()
  await saved(page)
  await submit(page)
  ok(true, 'corrected, it is submitted again')
}

async function licence(page, id) {
  await until(async () => (await (await page.request.get(`${url}/api/nonmep/documents/${id}`)).json()).document.state_customs)
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await tag(page, '已打印或生成电子许可证')
  ok(true, 'the form that was open learns of it')
  const number = await value(page, 'base/licence_no')
  like(number, /^26AANW\d{4}$/, 'the licence is made and has a number')
  await look(page, 'licensed')
  const [download] = await Promise.all([page.waitForEvent('download'), button(page, '许可证下载').click()])
  const file = `${variables}/nonmep-licence.pdf`
  await download.saveAs(file)
  like(pdfText(file), /自动进口许可证/, 'the licence PDF opens')
  const [code] = qrCodes(file)
  like(code, new RegExp(`verify\\?module=nonmep&number=${number}&code=[0-9A-Z]{16}$`), 'its QR code leads to the verification page')
  return { id, number, code }
}

// The application form on paper: 24 boxes.
async function paper(page, { id, number }) {
  const [answer] = await Promise.all([page.waitForResponse(/print\/application\.pdf/), button(page, '打印').click()])
  is(answer.status(), 200, 'the application form is printed')
  const file = `${variables}/nonmep-application.pdf`
  writeFileSync(file, await (await page.request.get(`${url}/api/nonmep/documents/${id}/print/application.pdf`)).body())
  const text = pdfText(file)
  for (const label of ['1 申请进口单位', '2 自动进口许可证申请表号 / 自动进口许可证号', '3 申请单位经办人', '4 自动进口许可证有效截止日期', '5 进口用户', '6 进口商', '7 贸易方式', '8 贸易国(地区)', '9 外汇来源',
    '10 原产地国(地区)', '11 报关口岸', '12 商品用途', '13 预计到港时间', '14 商品代码', '15 商品名称', '16 商品规格', '17 单位', '18 数量', '19 单价(CNY)', '20 总值(CNY)', '21 总值折美元', '22 总计', '23 备注', '24 签证机关审批'])
    ok(text.includes(label), `the paper has box ${label}`)
  const form = await (await page.request.get(`${url}/api/nonmep/documents/${id}`)).json()
  for (const [what, pattern] of Object.entries({
    'who applies': /大连北港进出口有限公司\(演示\)/, 'its number at the ministry': new RegExp(form.document.form_no), 'the number of the licence': new RegExp(number.replace(/^(..)(..)(.*)$/, '$1-?$2-?$3')),
    'the contact': /赵敏\s+0411-87654321/, 'the last day': /2027-03-03/, 'trade by code and name': /1 一般贸易/, 'foreign exchange by code and name': /1 银行购汇/, 'the countries': /澳大利亚[\s\S]*澳大利亚/,
    'customs': /首都机场海关/, 'the use by code and name': /3 内销/, 'the day of arrival': /2026-11-01/, 'the first line': /2601111000[\s\S]*粉矿 62%\s+千克\s+100\s+1\.246\s+124\.6\d?\s+18/, 'the second line': /1201901100\s+黄大豆\s+散装\s+千克\s+33\s+34\.2\s+1,?128\.6\d?\s+159/,
    'the totals': /133\s+1,?253\.2\d?\s+177/, 'the day of application': /申领日期：\s*2026-09-03/, 'who stamps': /申请盖章单位：\s*大连北港/, 'who decides': /商务部配额许可证事务局/, 'its foot': /中华人民共和国商务部监制\s+自动进口许可证联网申领系统2005版 制表/
  })) like(text, pattern, `the paper says ${what}`)
}

async function clear(page, { number }) {
  let count = 0
  const customs = async (path, data) => {
    const answer = await page.request.post(`${url}/partner/nonmep/${path}`, { data: { message_id: `n${++count}`, licence_no: number, unit: '035', ...data }, headers: { Authorization: `Bearer ${accounts().partner}` } })
    is(answer.status(), 200, `customs: ${path} ${data.quantity || data.status}`)
  }
  const more = { released: '2026-09-03', contract_no: 'BG-2026-10', country: '601', customs_port: '0101', packages: 1 }
  await customs('customs-status', { status: 'STORED' })
  await customs('write-offs', { ...more, declaration_no: '010120261000000081', quantity: '60', bill_no: 'BL-81', goods: [{ code: ORE, name: '未烧结铁矿砂及其精矿', spec: '粉矿 62%', quantity: '60', unit: '035', price: '1.246', currency: 'CNY' }] })
  await customs('write-offs', { ...more, declaration_no: '010120261000000082', quantity: '30', bill_no: 'BL-82', goods: [{ code: SOYA, name: '黄大豆', spec: '散装', quantity: '30', unit: '035', price: '34.2', currency: 'CNY' }] })

  await go(page, '/app/nonmep/query/nonmep_licence/balance')
  const row = page.locator('tbody').getByRole('row').filter({ hasText: number })
  await row.waitFor()
  like(await row.innerText(), /\t133\t[^\n]*\t43\t/, 'the balance page says what is left after two parts')
  await look(page, 'balance')
  await row.getByRole('button', { name: /使用情况/ }).click()
  const box = dialog(page, '余量')
  await box.getByRole('status').waitFor()
  like(await box.getByRole('status').innerText(), /许可 133.*已核销 90.*2.*余量为 43/, 'a sentence says why')
  for (const [declaration, quantity] of [['010120261000000081', '60'], ['010120261000000082', '30']])
    is(await box.locator('tbody').getByRole('row').filter({ hasText: declaration }).filter({ hasText: quantity }).count(), 1, `use ${declaration} of ${quantity} is in the statement`)
  await look(page, 'uses')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })

  await go(page, '/app/nonmep/write-offs/nonmep_licence')
  for (const [declaration, bill, name] of [['010120261000000081', 'BL-81', '未烧结铁矿砂及其精矿'], ['010120261000000082', 'BL-82', '黄大豆']]) {
    const line = page.locator('tbody').getByRole('row').filter({ hasText: bill })
    await line.getByRole('button', { name: declaration }).click()
    const cleared = dialog(page, new RegExp(declaration))
    await cleared.getByText(name).first().waitFor()
    is(await cleared.locator('tbody').getByRole('row').count(), 1, `clearance ${declaration} shows its own goods`)
    await look(page, `cleared ${bill}`)
    await page.keyboard.press('Escape')
    await cleared.waitFor({ state: 'hidden' })
  }
}

// A month beside the year up to it: in October the licence of September is only in the year.
async function months(page) {
  const sheet = page.locator('.sheet')
  const line = sheet.locator('tbody').getByRole('row').filter({ hasText: '黄大豆' })
  const figures = async () => (await line.locator('td').allInnerTexts()).slice(3).join(' ')
  await go(page, '/app/nonmep/monthly/nonmep_licence')
  await sheet.waitFor()
  await page.getByText('发证商品').click()
  await line.waitFor()
  is(await figures(), '33 159 1 33 159 1', 'the monthly statistics show September')
  await look(page, 'September')
  clock('2026-10-12T10:00:00+08:00')
  await go(page, '/sign-in') // the session of September has run out
  await signIn(page, ENTERPRISE.name, ENTERPRISE.password)
  await go(page, '/app/nonmep/monthly/nonmep_licence')
  await sheet.getByText('2026-10').waitFor()
  await page.getByText('发证商品').click()
  await line.waitFor()
  is(await figures(), '0 0 0 33 159 1', 'in October only the year to date has it')
  await look(page, 'October')
}

// A second application: what the contract sheet said of the enterprise is remembered.
async function second(page) {
  await go(page, '/app/nonmep/new/nonmep_licence')
  const input = page.getByRole('region', { name: /商品.*表格/ }).getByRole('combobox').first()
  await input.click()
  await input.pressSequentially('2303300011')
  await input.press('Enter')
  await choose(page, 'base/customs_port_1', '0101')
  await button(page, '下一步').click()
  await confirm(page)
  await field(page, 'base/trade_country_1').waitFor()
  is(await button(page, '铁矿石合同信息表').count(), 0, 'without iron ore no iron-ore sheet is offered')
  await button(page, '暂存').click()
  await page.waitForURL(/doc\/nonmep_licence\/\d+/)
  await saved(page)
  await button(page, '合同信息表').click()
  const sheet = dialog(page, '合同信息表')
  await sheet.waitFor()
  is(await sheet.locator('[data-path="contract/ent_founded"] input').inputValue(), '2012-05-06', 'the second application remembers the enterprise of the contract sheet')
  is(await sheet.locator('[data-path="contract/ent_contact"] input').inputValue(), '赵敏', 'all of it')
  is(await sheet.locator('[data-path="contract/foreign_party_zh"] input').inputValue(), '', 'but not the other party')
}

async function verify(code, number) {
  const anybody = await open('/' + code.slice(code.indexOf('#')))
  await anybody.getByText(/有效/).first().waitFor()
  like(await anybody.locator('main').innerText(), new RegExp(`${number}[\\s\\S]*43`), 'the public page confirms the licence and what is left')
  await look(anybody, 'verification')
}

await test(async () => {
  const page = await newEnterprise(ENTERPRISE)
  like(await page.locator('header').first().innerText(), new RegExp(ENTERPRISE.code), 'a new enterprise registers and is signed in')
  await verdict(page)
  await fillIn(page)
  const id = /doc\/nonmep_licence\/(\d+)/.exec(page.url())[1]
  await printElsewhere(page)
  await contract(page)
  await ore(page)
  await attach(page)
  await page.locator('.promise input').check()
  await button(page, '上报').click()
  await confirm(page)
  await page.getByText('大宗农产品须先完成重农信息备案').first().waitFor()
  ok(true, 'bulk agricultural goods need their registration first')
  await look(page, 'bulk registration needed')
  await bulkRegistration(page)
  await go(page, `/app/nonmep/doc/nonmep_licence/${id}`)
  await submit(page)
  ok(true, 'it is submitted')
  like(await value(page, 'base/mofcom_form_no'), new RegExp(`^26${ENTERPRISE.code}600001$`), 'and has the number of the ministry\'s system')
  await withdraw(page)
  await desk('demo_first', '初审不通过', '进口合同号与合同不一致，请核对。')
  await correct(page, id)
  await desk('demo_first', '初审通过')
  await desk('demo_second', '复审通过', '同意。')
  const made = await licence(page, id)
  await paper(page, made)
  await clear(page, made)
  await months(page)
  await second(page)
  await verify(made.code, made.number)
})
