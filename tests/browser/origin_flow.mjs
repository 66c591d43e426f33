// Certificates of origin: a new enterprise imports its registration, files goods for two agreements, has a Form E made with three goods lines,
// is returned, corrects, is approved, prints, and has the certificate changed and issued again.
import { writeFileSync } from 'node:fs'
import { is, like, ok, open, pdfText, qrCodes, test, url, variables } from './lib.mjs'
import { as, choose, confirm, field, fill, look, newEnterprise, until } from './steps.mjs'

const ENTERPRISE = { name: 'east_exports', person: '钱敏', password: 'East-Exports-2026', mobile: '13800005555', email: 'qian@exports.example',
  enterprise: '大连东方出口有限公司(演示)', uscc: '91210200776367555C', code: '2102776367555', address: '大连市东方路5号', phone: '0411-87654322' }
// a picture of two stripes
const marks = { name: 'marks.png', mimeType: 'image/png', buffer: Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEElEQVR4nGNgYGD4DwYMcAoAN7EH+aVBdHMAAAAASUVORK5CYII=', 'base64') }

const dialog = (page, name) => page.getByRole('dialog', { name })
const button = (page, name) => page.getByRole('button', { name, exact: true })
const go = async (page, path) => { await page.goto(`${url}/#/app/${path}`); await page.reload() }
const value = (page, path) => field(page, path).locator('input, textarea').first().inputValue()
const valueIs = (page, path, wanted) => page.waitForFunction(([path, wanted]) => new RegExp(wanted).test(document.querySelector(`[data-path="${path}"] :is(input, textarea)`)?.value || ''), [path, wanted])
const tag = (page, words) => page.locator('.anchors .tag').filter({ hasText: words }).waitFor()
const saved = page => page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
const rows = page => page.locator('[role=tabpanel]:visible tbody').getByRole('row')
const idOf = page => /doc\/\w+\/(\d+)/.exec(page.url())[1]
const documentOf = async (page, id) => (await (await page.request.get(`${url}/api/origin/documents/${id}`)).json()).document
/** A field of the row that stands in its dialog, by the end of its path. */
const inRow = (page, name) => page.getByRole('dialog').locator(`[data-path$="/${name}"]`)
const fillRow = async (page, values) => { for (const [name, text] of Object.entries(values)) await inRow(page, name).locator('input, textarea').first().fill(text) }

// Before the registration everything refuses, and says what to do.
async function unregistered(page) {
  for (const form of ['certificate_of_origin', 'goods_filing', 'origin_exporter']) {
    await go(page, `origin/new/${form}`)
    await page.getByRole('heading', { name: '请先备案' }).waitFor()
    like(await page.getByRole('alert').filter({ hasText: '请先备案' }).innerText(), /尚未完成贸促会备案[\s\S]*按备案号导入/, `${form}: refused before the registration, and it is said what to do`)
  }
  await look(page, 'registration needed')
  await page.getByRole('button', { name: /去填写/ }).click()
  await page.waitForURL(/own\/origin_registration/)
}

async function register(page) {
  await button(page, '备案号导入').click()
  const box = dialog(page, '备案号导入')
  await box.getByLabel('贸促会编码').fill('C21020')
  await box.getByLabel('企业编码').fill('9999X9999')
  await button(box, '导入').click()
  await box.getByText('贸促会没有这个备案').waitFor()
  ok(true, 'CCPIT does not know wrong numbers')
  await look(page, 'registration not found')
  await box.getByLabel('企业编码').fill('2102M9997')
  await button(box, '导入').click()
  await box.waitFor({ state: 'hidden' })
  await tag(page, '审核通过')
  is(await page.locator('[data-path$="/signatory_name"] input').evaluateAll(inputs => inputs.map(input => input.value)), ['王签证', '李手签', '赵离职'], 'the right ones bring the registration, with its signatories')
  await look(page, 'registration')
}

async function exporter(page) {
  await go(page, 'origin/new/origin_exporter')
  const enter = async (code, name) => {
    for (const [path, text] of Object.entries({ exporter_code: code, exporter_name_zh: name, exporter_name_en: `${code} EXPORTS CO., LTD.`, exporter_address_en: '5 EAST ROAD, DALIAN, CHINA' })) await fill(page, `exporter_data/${path}`, text)
  }
  await enter('EAST1', '东方出口')
  await valueIs(page, 'exporter_data/exporter_printed', '^EAST1 EXPORTS')
  await look(page, 'exporter')
  await button(page, '保存并新增').click()
  await page.waitForFunction(() => document.querySelector('[data-path="exporter_data/exporter_code"] input')?.value === '')
  ok(true, 'saved, and a blank one stands there')
  await enter('EAST1', '东方出口二')
  await button(page, '保存').click()
  await field(page, 'exporter_data/exporter_code').getByText('已有相同编码的记录').waitFor()
  ok(true, 'a code that is used is refused at its field')
  await enter('EAST2', '东方出口二')
  await button(page, '保存').click()
  await page.waitForURL(/doc\/origin_exporter/)
  await go(page, 'origin/list/origin_exporter')
  await rows(page).filter({ hasText: 'EAST1 EXPORTS' }).waitFor()
  is(await rows(page).count(), 2, 'both stand in the list')
}

// One filing for two agreements; ECFA is filed alone.
async function file(page) {
  await go(page, 'origin/new/goods_filing')
  for (const [path, text] of Object.entries({ filed_hs: '02042200', filed_name_en: 'FROZEN MUTTON', filed_name_zh: '冻羊肉', maker: '大连东方肉类厂，大连市东方路6号' })) await fill(page, `filed_goods_data/${path}`, text)
  await field(page, 'filed_goods_data/process_note').locator('textarea').fill('屠宰、分割、冷冻')
  const pick = async (block, name, row, code) => {
    const input = page.locator(`[data-path^="${block}/"][data-path$="/${name}"]`).nth(row).getByRole('combobox')
    await input.click()
    await input.pressSequentially(code)
    await page.getByRole('listbox').getByRole('option').filter({ hasText: code }).first().waitFor()
    await input.press('Enter')
  }
  const panel = page.locator('section.panel').filter({ has: page.getByRole('heading', { name: '备案资料', exact: true }) })
  for (const [row, code] of [[0, 'E'], [1, 'K'], [2, 'H']]) {
    if (row) await panel.getByRole('button', { name: '+ 新增一行' }).click()
    await pick('agreements', 'agreement', row, code)
    await pick('agreements', 'filed_criterion', row, `${code}-WO`)
  }
  await pick('materials', 'material_origin', 0, '142')
  for (const [name, text] of Object.entries({ material_hs: '0104', material_name: '活羊', material_price: '10', material_share: '100' })) await page.locator(`[data-path^="materials/"][data-path$="/${name}"] input`).fill(text)
  await page.getByText('海峡两岸经济合作框架协议必须单独备案').first().waitFor()
  ok(true, 'ECFA is not filed together with others: the rule is said')
  await page.evaluate(() => scrollTo(0, 0)) // the buttons above cover what the page was left at
  await look(page, 'filing with ECFA')
  await panel.locator('tbody').getByRole('checkbox').nth(2).check()
  await panel.getByRole('button', { name: '删除选中行' }).click()
  await confirm(page)
  await page.getByText('海峡两岸经济合作框架协议必须单独备案').first().waitFor({ state: 'detached' })
  await button(page, '暂存').click()
  await page.waitForURL(/doc\/goods_filing/)
  await saved(page)
  await button(page, '申报').click()
  await confirm(page)
  await tag(page, '已申报')
  const results = page.getByRole('region', { name: '备案结果' })
  await results.getByText('待审核').nth(1).waitFor()
  like((await results.innerText()).replace(/\s+/g, ' '), /26S2102M9997\/0000[12].*26S2102M9997\/0000[12]/, 'one submission, a number for each agreement')
  await look(page, 'goods filed')
  return results
}

// The office sees each agreement by itself.
async function approveGoods() {
  const page = await as('demo_ccpit', '/app/desk/queue')
  await rows(page).filter({ hasText: '中国-韩国自贸协定' }).waitFor()
  await look(page, 'queue of filed goods')
  await page.getByRole('checkbox', { name: '全选' }).check()
  await button(page, '审核通过').click()
  await page.locator('.el-message-box').waitFor()
  await page.locator('.el-message-box').getByRole('button', { name: '确定' }).click()
  await page.getByRole('dialog').getByText('成功 2 份').waitFor()
  ok(true, 'the officer approves the goods for both agreements')
  await page.context().close()
}

async function begin(page) {
  await go(page, 'origin/new/certificate_of_origin')
  await page.getByRole('heading', { name: '优惠原产地证' }).waitFor()
  is(await page.locator('.kinds button').count(), 15, 'a certificate begins with the choice of one of 15 types')
  await look(page, 'types')
  await page.getByRole('button', { name: /中国-东盟自贸协定/ }).click()
  await field(page, 'basics/invoice_no').waitFor()
  like(await value(page, 'basics/certificate_type'), /^E /, 'the form is of the type that was chosen')
  is(await value(page, 'basics/ent_customs_code'), '2102960001', 'the customs code comes from the registration')
}

async function fillIn(page) {
  for (const [path, text] of Object.entries({ invoice_no: 'EAST-INV-1', invoice_date: '2026-09-01', apply_place: 'DALIAN', sign_place: 'DALIAN', first_leg: 'EVER DEMO V.001', fob_usd: '16500', invoice_amount: '16500' })) await fill(page, `basics/${path}`, text)
  await page.getByRole('button', { name: '选择出口商' }).click()
  const box = dialog(page, '出口商')
  await button(box, '选择 EAST1').waitFor()
  await look(page, 'choosing an exporter')
  await button(box, '选择 EAST1').click()
  await valueIs(page, 'basics/exporter', '^EAST1 EXPORTS CO\\., LTD\\.\\n5 EAST ROAD')
  ok(true, 'an exporter is filled in by one click')
  await field(page, 'basics/importer').locator('textarea').fill('BUYER LTD.')
  // Enter goes on, Ctrl+Enter makes a new line
  await field(page, 'basics/importer').locator('textarea').press('Control+Enter')
  await page.keyboard.type('1 BUYER STREET, JAKARTA')
  is(await value(page, 'basics/importer'), 'BUYER LTD.\n1 BUYER STREET, JAKARTA', 'Ctrl+Enter makes a new line')
  for (const [path, code] of Object.entries({ importer_country: '112', destination_country: '502', port_loading: 'CNDLC', port_destination: 'IDJKT', transport_mode: '8' })) await choose(page, `basics/${path}`, code)
  await field(page, 'basics/signatory').locator('select').selectOption('王签证')
  is(await field(page, 'basics/signatory').locator('option').allInnerTexts(), ['请选择', '王签证', '李手签'], 'signatories are those of the registration, but for the cancelled one')
  await field(page, 'basics/destination_country').getByText('目的国(地区)不是该协定的缔约方').or(page.getByText('目的国(地区)不是该协定的缔约方')).first().waitFor()
  ok(true, 'a destination outside the agreement is told')
  await choose(page, 'basics/destination_country', '112')
  await field(page, 'basics/route').locator('textarea').fill('FROM ELSEWHERE')
  await page.getByRole('button', { name: '生成运输路线' }).click()
  await valueIs(page, 'basics/route', '^FROM Dalian TO Jakarta, Java BY Sea$')
  ok(true, 'the route is written from the ports')
  await field(page, 'basics/route').locator('textarea').fill('FROM DALIAN TO TANJUNG PRIOK, JAKARTA BY SEA')
  await button(page, '暂存').click()
  await page.waitForURL(/doc\/certificate_of_origin\/\d+/)
  await saved(page)
  is(await value(page, 'basics/route'), 'FROM DALIAN TO TANJUNG PRIOK, JAKARTA BY SEA', 'what was written can be changed, and stays')
  await look(page, 'certificate')
  return idOf(page)
}

// Goods by the keyboard alone: the first line.
async function goodsByKeyboard(page) {
  await page.getByRole('button', { name: '+ 新增', exact: true }).focus()
  await page.keyboard.press('Enter')
  await inRow(page, 'filed_ref').locator('input').waitFor()
  await page.waitForFunction(() => document.activeElement?.closest('[data-path$="/filed_ref"]'))
  ok(true, 'the cursor begins with the filed goods')
  await page.keyboard.press('Space')
  const box = dialog(page, '备案商品')
  await page.waitForFunction(() => document.activeElement?.closest('[role=dialog] [role=search]'))
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => /^选择 26S/.test(document.activeElement?.getAttribute('aria-label') || ''))
  is(await box.locator('.operations button').count(), 1, 'only goods of this agreement are offered')
  await look(page, 'filed goods')
  await page.keyboard.press('Enter')
  await box.waitFor({ state: 'hidden' })
  await page.waitForFunction(() => document.activeElement?.closest('[data-path$="/filed_ref"]'))
  const type = async (name, text) => {
    await page.waitForFunction(name => document.activeElement?.closest(`[data-path$="/${name}"]`), name)
    await page.keyboard.type(text)
    await page.keyboard.press('Enter')
  }
  await page.keyboard.press('Enter')
  await type('packages', '10')
  await type('package_kind', 'CARTONS')
  await type('goods_description', 'TEN (10) CARTONS OF FROZEN MUTTON')
  await type('item_qty', '1000')
  await type('item_unit', 'KGS')
  await type('item_price', '5.5')
  await type('item_fob_usd', '5500')
  await type('legal_qty', '1000')
  await type('gross_weight', '1050')
  await type('net_weight', '1000')
  await rowsOfGoods(page, 1)
  ok(true, 'one line of goods by the keyboard alone')
}
const goods = page => page.locator('section.panel').filter({ has: page.getByRole('heading', { name: /^商品信息/ }) })
const rowsOfGoods = (page, count) => page.waitForFunction(count => [...document.querySelectorAll('[role=tabpanel] section.panel')].find(panel => /^商品信息/.test(panel.innerText))?.querySelectorAll('tbody tr[id]').length === count, count)

async function moreGoods(page) {
  // a second one is made in the dialog that has come up
  await page.getByRole('button', { name: '打开目录 备案商品' }).or(inRow(page, 'filed_ref').getByRole('button')).first().click()
  await dialog(page, '备案商品').locator('.operations button').click()
  await dialog(page, '备案商品').waitFor({ state: 'hidden' })
  await fillRow(page, { packages: '20', package_kind: 'CARTONS', goods_description: 'TWENTY (20) CARTONS OF FROZEN MUTTON LEGS', item_qty: '1000', item_unit: 'KGS', item_price: '5.5', item_fob_usd: '5500', gross_weight: '1050', net_weight: '1000' })
  await inRow(page, 'marks').locator('textarea').fill('EAST')
  await inRow(page, 'marks').locator('textarea').press('Control+Enter')
  await page.keyboard.type('JAKARTA 1-20')
  await look(page, 'goods')
  await button(page.getByRole('dialog'), '保存并继续').click()
  await rowsOfGoods(page, 2)
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  // and a third as a copy
  await goods(page).locator('tbody').getByRole('checkbox').nth(1).check()
  await button(goods(page), '复制').click()
  is(await inRow(page, 'marks').locator('textarea').inputValue(), 'EAST\nJAKARTA 1-20', 'a copy begins as the line was')
  await fillRow(page, { goods_description: 'THIRTY (30) CARTONS OF FROZEN MUTTON RIBS', packages: '30', marks: 'N/M' })
  await button(page.getByRole('dialog'), '保存').click()
  await rowsOfGoods(page, 3)
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await saved(page)
  like(await goods(page).locator('tbody tr').nth(1).innerText(), /EAST\nJAKARTA 1-20/, 'marks stand on their lines')
  // the first has a picture of its marks
  await page.getByRole('button', { name: '图片唛头 1' }).click()
  const box = dialog(page, /附件/)
  await box.locator('select').selectOption({ label: '图片唛头' })
  await box.locator('input[type=file]').setInputFiles(marks)
  await button(box, '上传').click()
  await box.getByRole('row').filter({ hasText: 'marks.png' }).waitFor()
  await button(box, '关闭').last().click()
  await box.waitFor({ state: 'hidden' })
  ok(await page.getByRole('button', { name: '图片唛头 1' }).filter({ hasText: '(1)' }).count(), 'one line has a picture of its marks')
  await look(page, 'certificate with goods')
}

async function submit(page) {
  await page.locator('.promise input').check()
  const press = button(page, '申报')
  await page.waitForFunction(element => !element.hasAttribute('aria-disabled'), await press.elementHandle())
  await press.click()
  await confirm(page)
  await tag(page, '待审核')
}

/** What the officer does with it, on the desk. */
async function desk(number, action, opinion) {
  const page = await as('demo_ccpit', '/app/desk/queue')
  await page.getByRole('link', { name: number }).first().click()
  await button(page, '领取').last().click()
  await button(page, '放回').last().waitFor()
  const press = page.locator('.decide').getByRole('button', { name: action, exact: true })
  if (opinion) await page.locator('.decide textarea').fill(opinion)
  await look(page, `desk ${action}`)
  const done = page.waitForResponse(answer => /\/actions\//.test(answer.url()))
  await press.click()
  await confirm(page)
  is((await done).status(), 200, `the officer: ${action}`)
  await page.context().close()
}

async function correct(page) {
  await page.reload()
  await tag(page, '审核退回')
  await button(page, '查看审核意见').click()
  await page.getByRole('dialog').getByText('请核对一程。').waitFor()
  ok(true, 'the enterprise reads why it was returned')
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await fill(page, 'basics/first_leg', 'EVER DEMO V.002')
  await submit(page)
}

async function pdfOf(page, id, name) {
  const file = `${variables}/origin-${name}-${id}.pdf`
  writeFileSync(file, await (await page.request.get(`${url}/api/origin/documents/${id}/print/${name}.pdf`)).body())
  return file
}
const printed = page => page.waitForResponse(/print\/certificate\.pdf/)

// A preview says that it is one; a print is counted, and opens what was counted.
async function print(page, id) {
  await until(async () => (await documentOf(page, id)).state_print === 'READY')
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await tag(page, '审核通过')
  const number = await value(page, 'basics/certificate_no')
  like(number, /^26E2102M9997\/0000\d$/, 'the certificate has a number')
  await Promise.all([page.waitForResponse(/print\/preview\.pdf/), button(page, '预览').click()])
  like(pdfText(await pdfOf(page, id, 'preview')), /览[\s\S]*预/, 'the preview says so across the page')
  for (const count of [1, 2]) {
    await button(page, '打印').click()
    await Promise.all([printed(page), confirm(page)])
    is(Number((await documentOf(page, id)).prints), count, `print ${count} is counted, and the certificate opens`)
  }
  await look(page, 'certificate printed')
  await go(page, 'origin/list/certificate_of_origin/preferential')
  const line = rows(page).filter({ hasText: number })
  await line.waitFor()
  like(await line.innerText(), /已打印\s+2/, 'the list says how often it was printed')
  await look(page, 'list of certificates')
  return number
}

async function paper(page, id, number) {
  const text = pdfText(await pdfOf(page, id, 'certificate'))
  for (const box of ['1. Products consigned from', '2. Products consigned to', '3. Means of transport and route', '4. For official use', '5. Item', '6. Marks and', '7. Number and type of packages', '8. Origin', '9. Gross weight', '10. Number and', '11. Declaration by the exporter', '12. Certification', '13.'])
    ok(text.includes(box), `the certificate has box ${box}`)
  for (const [what, pattern] of Object.entries({
    'its form': /FORM E/, 'its number': new RegExp(number), 'the exporter': /EAST1 EXPORTS CO\., LTD\.[\s\S]*5 EAST ROAD, DALIAN, CHINA/, 'the consignee': /BUYER LTD\.[\s\S]*1 BUYER STREET, JAKARTA/,
    'the conveyance as corrected': /EVER DEMO V\.002/, 'the goods of all lines': /FROZEN MUTTON[\s\S]*FROZEN MUTTON LEGS[\s\S]*FROZEN MUTTON RIBS/, 'the marks of a line': /EAST\b[\s\S]*JAKARTA 1-20/,
    'six digits of the HS code': /HS 020422\b/, 'the criterion': /\bWO\b/, 'quantities and FOB value': /1,?000 KGS[\s\S]*5,?500/, 'the invoice': /EAST-INV-1[\s\S]*2026-09-01/, 'place and signatory': /DALIAN[\s\S]*王签证/, 'that it is exported there': /exported to[\s\S]*Indonesia/
  })) like(text, pattern, `the certificate says ${what}`)
}

// What anybody sees who has the paper in hand.
const codeOf = async (page, id) => qrCodes(await pdfOf(page, id, 'certificate'))[0]
async function confirmed(code, words, name) {
  const { pathname, search, hash } = new URL(code)
  const anybody = await open(pathname + search + hash)
  await anybody.locator('.result').filter({ hasText: new RegExp(`^${words}$`) }).waitFor()
  ok(true, name)
  await look(anybody, name)
  await anybody.context().close()
}

// Changed and issued again: a new number; the old one is void.
async function reissue(page, id, number, code) {
  await go(page, `origin/doc/certificate_of_origin/${id}`)
  await button(page, '改证重发').click()
  await confirm(page)
  await page.waitForFunction(id => /doc\/certificate_of_origin\/\d+$/.test(location.hash) && !location.hash.endsWith(id), id)
  const panel = page.locator('[role=tabpanel]:visible')
  await panel.locator('.anchors .tag').filter({ hasText: '暂存' }).waitFor()
  is(await panel.locator('[data-path="basics/replaced_no"] input').inputValue(), number, 'the new draft names the certificate that it replaces')
  is(await panel.locator('[data-path="basics/certificate_kind"] input').inputValue(), '改证重发', 'and is a re-issue, which nobody can change')
  await page.reload()
  await fill(page, 'basics/reissue_reason', '更正船名航次')
  await fill(page, 'basics/first_leg', 'EVER DEMO V.003')
  await look(page, 're-issue')
  const made = idOf(page)
  await submit(page)
  await desk(await value(page, 'basics/invoice_no'), '审核通过')
  await until(async () => (await documentOf(page, made)).state_print === 'READY')
  const next = (await documentOf(page, made)).licence_no
  ok(/^26E2102M9997\/\d{5}$/.test(next) && next !== number, 'the re-issue has a number of its own')
  is((await documentOf(page, id)).state, 'VOID', 'the old one is void')
  await go(page, `origin/doc/certificate_of_origin/${made}`)
  await button(page, '打印').click()
  await Promise.all([printed(page), confirm(page)])
  like(pdfText(await pdfOf(page, made, 'certificate')), new RegExp(number), 'the new one names it')
  await go(page, 'origin/list/certificate_of_origin/void')
  await rows(page).filter({ hasText: number }).waitFor()
  is((await page.getByRole('toolbar').getByRole('button').allInnerTexts()).filter(name => /复制|预览|申报|打印|重发|删除/.test(name)), ['复制', '批量预览'], 'among the void ones it can only be previewed and copied')
  await look(page, 'void certificates')
  await confirmed(code, '已注销或作废', 'the verification page says that the old one is void')
  await confirmed(await codeOf(page, made), '有效', 'and that the new one is valid')
}

await test(async () => {
  const page = await newEnterprise(ENTERPRISE)
  await unregistered(page)
  await register(page)
  await exporter(page)
  const results = await file(page)
  await approveGoods()
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await results.getByText('审核通过').nth(1).waitFor()
  ok(true, 'the filing that was open learns of it')
  await begin(page)
  const id = await fillIn(page)
  await goodsByKeyboard(page)
  await moreGoods(page)
  await submit(page)
  await desk('EAST-INV-1', '审核退回', '请核对一程。')
  await correct(page)
  await desk('EAST-INV-1', '审核通过')
  const number = await print(page, id)
  await paper(page, id, number)
  const code = await codeOf(page, id)
  await confirmed(code, '有效', 'the QR code leads to the page that confirms the certificate')
  await reissue(page, id, number, code)
})
