// Machinery and electronics: a new enterprise registers, its office accepts, it applies, takes back, is approved, and customs uses the licence in
// parts. Who is registered at the ministry brings that along.
import { writeFileSync } from 'node:fs'
import { accounts, accessible, is, like, ok, open, pdfText, qrCodes, test, url, variables } from './lib.mjs'
import { as, choose, confirm, field, fill, newEnterprise, settled, until } from './steps.mjs'

const NUMBER = 'YS2600000000000001', GOODS = '9022120000'
const dialog = (page, name) => page.getByRole('dialog', { name })
const value = (page, path) => field(page, path).locator('input').inputValue()
const valueIs = (page, path, wanted) => page.waitForFunction(([path, wanted]) => new RegExp(wanted).test(document.querySelector(`[data-path="${path}"] input`)?.value || ''), [path, wanted])
const tag = (page, words) => page.locator('.anchors .tag').filter({ hasText: words }).waitFor()
const look = async (page, name) => { await settled(page); await accessible(page, name) }
const go = async (page, path) => { await page.goto(`${url}/#${path}`); await page.reload() }

const ENTERPRISE = { name: 'south_works', person: '孙强', password: 'South-Works-2026', mobile: '13800004444', email: 'sun@works.example',
  enterprise: '常州南方机械进出口有限公司(演示)', uscc: '91210200776367555C', code: '3204776367555', address: '常州市南大街4号', phone: '0519-87654321' }

async function unregistered(page, why) {
  await go(page, '/app/mep/new/mep_licence')
  await page.getByRole('heading', { name: '请先备案' }).waitFor()
  like(await page.getByRole('alert').filter({ hasText: '请先备案' }).innerText(), /您的企业尚未在本系统备案[\s\S]*获取商务部备案信息/, why)
}

// A new enterprise fills in its registration; the office of the lowest level that it chose accepts it.
async function register() {
  const page = await newEnterprise(ENTERPRISE)
  await unregistered(page, 'a new enterprise cannot apply before it is registered, and is told how to be')
  await page.getByRole('button', { name: /去填写/ }).click()
  await page.waitForURL(/own\/mep_registration/)
  await field(page, 'basics/ent_name').waitFor()
  is(await value(page, 'basics/ent_name'), ENTERPRISE.enterprise, 'the registration knows the enterprise')
  for (const [path, text] of Object.entries({ 'basics/filing_doc_no': '常机备〔2026〕9号', 'basics/filing_date': '2026-01-05', 'basics/reg_email': 'sun@works.example', 'basics/province_city': '江苏省常州市', 'basics/reg_address': '常州市南大街4号',
    'account/reg_contact': '孙强', 'account/reg_postcode': '213000', 'account/reg_phone': '0519-87654321', 'account/reg_mobile': '13800004444' })) await fill(page, path, text)
  await field(page, 'basics/business_scope').locator('textarea').fill('机电产品进出口')
  await choose(page, 'basics/supervisor_level', '3')
  await choose(page, 'basics/ent_nature', '150')
  await choose(page, 'account/province_office', '320000')
  await valueIs(page, 'account/office', '320000')
  const city = field(page, 'account/city_office').getByRole('combobox')
  await city.focus()
  await page.keyboard.press('Space')
  await page.getByRole('listbox').getByRole('option').first().waitFor()
  ok((await page.getByRole('listbox').getByRole('option').allInnerTexts()).every((text) => /^32/.test(text.trim())), 'only cities of the chosen province are offered')
  await page.keyboard.press('Escape')
  await choose(page, 'account/city_office', '3204')
  await valueIs(page, 'account/office', '320400')
  ok(true, 'the office of the lowest level chosen is in charge')
  await page.getByRole('button', { name: '暂存' }).click()
  await page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
  await look(page, 'registration filled in')

  const [printed] = await Promise.all([page.waitForResponse(/print\/registration\.pdf/), page.getByRole('button', { name: '打印', exact: true }).click()])
  const file = `${variables}/mep-registration.pdf`
  writeFileSync(file, await (await page.request.get(printed.url())).body())
  like(pdfText(file), /企业注册信息表[\s\S]*常州南方机械进出口有限公司\(演示\)[\s\S]*常机备〔2026〕9号/, 'the registration is printed')

  await page.getByRole('button', { name: '申报', exact: true }).click()
  await confirm(page)
  await tag(page, '审批中')
  await unregistered(page, 'nor before the office has accepted it')
  const office = await as('demo_office', '/app/desk/queue')
  await office.getByRole('row').filter({ hasText: ENTERPRISE.enterprise }).getByRole('link').first().click()
  await office.getByRole('button', { name: '领取' }).last().click()
  await office.getByRole('button', { name: '放回' }).last().waitFor()
  await look(office, 'review of a registration')
  const accepted = office.waitForResponse((answer) => /\/actions\//.test(answer.url()))
  await office.locator('.decide').getByRole('button', { name: '审批通过', exact: true }).click()
  await confirm(office)
  is((await accepted).status(), 200, 'the office of the city accepts it')
  await office.context().close()
  await go(page, '/app/mep/own/mep_registration')
  await tag(page, '审批通过')
  like(await value(page, 'account/mofcom_account'), /^JD\d{8}$/, 'accepted, it has its account')
  return page
}

// Who is registered at the ministry brings that along.
async function fetched() {
  const page = await as('demo_other', '/app/mep/new/mep_licence')
  await page.getByRole('heading', { name: '请先备案' }).waitFor()
  like(await page.getByRole('alert').filter({ hasText: '请先备案' }).innerText(), /您的企业尚未在本系统备案[\s\S]*获取商务部备案信息/, 'who is not registered is told so, and how to be')
  await look(page, 'registration needed')
  await page.getByRole('button', { name: /去填写/ }).click()
  await page.waitForURL(/own\/mep_registration/)
  await field(page, 'basics/ent_name').waitFor()
  await look(page, 'registration')
  await page.getByRole('button', { name: '获取商务部备案信息' }).click()
  const box = dialog(page, '获取商务部备案信息')
  await box.getByLabel(/账号/).fill('JD320400')
  await box.getByRole('button', { name: '绑定' }).click()
  await box.locator('.field.wrong').filter({ hasText: '密码' }).waitFor()
  ok(true, 'a password is asked for')
  await box.getByLabel(/密码/).fill('not-this-one')
  const refused = page.waitForResponse(/\/fetch\/mep_registration/)
  await page.keyboard.press('Enter')
  is((await refused).status(), 422, 'a wrong one is refused')
  const wrong = box.locator('.field.wrong').filter({ has: page.getByLabel(/密码/) })
  await wrong.getByText(/账号|密码.*(错|不|误)/).last().waitFor()
  like(await wrong.locator('.hint').innerText(), /\S{4}/, 'and told beside the field')
  is(await box.getByLabel(/密码/).getAttribute('aria-invalid'), 'true', 'which is marked')
  await look(page, 'wrong password of the ministry')
  await box.getByLabel(/密码/).fill('demo-2026')
  await page.keyboard.press('Enter')
  await box.waitFor({ state: 'hidden' })
  await tag(page, '审批通过')
  is(await value(page, 'basics/filing_doc_no'), '演示备案〔2026〕1号', 'the right one brings the registration')
  is(await value(page, 'basics/ent_name'), '新疆亚中集团对外贸易有限公司', 'of this enterprise')
  like(await value(page, 'account/mofcom_account'), /^JD/, 'with the account at the ministry')
  is(await page.getByRole('button', { name: '获取商务部备案信息' }).count(), 0, 'it is not offered twice')
  await look(page, 'registration fetched')
  await page.context().close()
}

async function apply(page) {
  await go(page, '/app/mep/new/mep_licence')
  await field(page, 'base/trade_mode').waitFor()
  like(await value(page, 'base/region_office'), /320400/, 'the office in charge comes from the registration')
  is(await value(page, 'base/import_user'), ENTERPRISE.enterprise, 'and so does the import user')
  for (const [path, text] of Object.entries({ 'base/importer_code': '1100776367555', 'base/importer_name': '签章测试企业', 'base/handler_name': '李四', 'base/handler_phone': '0991-1234567', 'base/handler_mobile': '13800002222' })) await fill(page, path, text)
  await choose(page, 'base/trade_country_1', '502')
  await choose(page, 'base/origin_country_1', '502')
  await choose(page, 'base/customs_port_1', '0101')
  await field(page, 'base/one_batch_one_licence').getByText('否', { exact: true }).click()

  const code = field(page, 'goods/hs_code').getByRole('combobox')
  await code.click()
  await code.pressSequentially('9022')
  await code.press('Enter')
  const list = dialog(page, /列表$/)
  await list.getByRole('row').filter({ hasText: GOODS }).getByRole('radio').waitFor()
  ok(await list.getByRole('row').filter({ hasText: '9018130110' }).count() === 0, 'four digits and Enter open the catalogue there')
  await look(page, 'catalogue')
  await list.getByRole('row').filter({ hasText: GOODS }).getByRole('radio').focus()
  await page.keyboard.press('Enter')
  await list.waitFor({ state: 'hidden' })
  await valueIs(page, 'goods/goods_name', '^X射线断层检查仪$')
  ok(true, 'the catalogue fills the name of the goods')
  const state = field(page, 'goods/equipment_state')
  await state.getByText('旧', { exact: true }).click()
  await state.getByText('该商品的旧机电产品禁止进口').waitFor()
  ok(true, 'used goods that are forbidden are refused beside the field')
  like(await page.getByRole('region', { name: '还差什么' }).or(page.locator('aside')).first().innerText(), /R-ME-CM-1/, 'and in the checklist, by rule')
  await look(page, 'used goods refused')
  await state.getByText('新', { exact: true }).click()
  await state.getByText('该商品的旧机电产品禁止进口').waitFor({ state: 'detached' })
  ok(true, 'new ones are not')
}

// Rows with the keyboard: Enter goes on, and after the last field to the next row.
async function rows(page) {
  const panel = page.locator('section.panel').filter({ has: page.getByRole('heading', { name: '规格', exact: true }) })
  const shown = panel.locator('tbody').getByRole('row')
  await panel.getByRole('button', { name: '新增' }).click()
  const at = (name) => page.waitForFunction((name) => document.activeElement?.closest('.el-dialog [data-path]')?.dataset.path.endsWith('/' + name) && document.activeElement.value === '', name)
  for (const row of [{ spec: 'CT-16', qty: '60', unit_price: '1000.5' }, { spec: 'CT-64', qty: '40', unit_price: '2000' }]) {
    for (const [name, text] of Object.entries(row)) {
      await at(name)
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
    }
    await shown.filter({ hasText: row.spec }).waitFor()
  }
  await at('spec')
  await look(page, 'row dialog')
  await page.keyboard.press('Escape')
  await page.locator('.el-dialog').filter({ visible: true }).waitFor({ state: 'hidden' })
  is(await shown.count(), 2, 'two rows are entered with Enter')
  await valueIs(page, 'goods/total_qty', '^100$')
  await valueIs(page, 'goods/total_amount', '^140,?030(\\.00)?$')
  ok(true, 'and summed up')
  await page.getByRole('button', { name: '暂存' }).click()
  await page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
  is(await value(page, 'base/application_no'), NUMBER, 'saved, it has its number')
}

async function submit(page) {
  await page.locator('.promise input').check()
  const button = page.getByRole('button', { name: '申报', exact: true })
  await page.waitForFunction((element) => !element.hasAttribute('aria-disabled'), await button.elementHandle())
  await button.click()
  await confirm(page)
  await tag(page, '审批中')
}

async function takeBack(page) {
  await submit(page)
  const number = await value(page, 'base/mofcom_form_no')
  like(number, /^26090344\d{9}$/, 'submitted, it has the number of the ministry\'s system')
  await look(page, 'submitted')
  await page.getByRole('button', { name: '撤回' }).click()
  await confirm(page)
  await tag(page, '暂存')
  ok(await field(page, 'base/handler_name').locator('input').isEditable(), 'taken back, it can be changed')
  is(await value(page, 'base/mofcom_form_no'), number, 'and keeps its number')
  await fill(page, 'base/handler_name', '王五')
  await page.getByRole('button', { name: '暂存' }).click()
  await page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })
  await submit(page)
  is(await value(page, 'base/mofcom_form_no'), number, 'submitted again, it is the same')
}

async function approve() {
  const page = await as('demo_office', '/app/desk/queue')
  await page.getByRole('link', { name: NUMBER }).waitFor()
  await look(page, 'desk of the office')
  await page.getByRole('link', { name: NUMBER }).click()
  await page.getByRole('button', { name: '领取' }).last().click()
  await page.getByRole('button', { name: '放回' }).last().waitFor()
  like(await page.locator('main').innerText(), /王五/, 'the office reads what was submitted last')
  await page.locator('.decide textarea').fill('同意进口。')
  await look(page, 'review')
  const done = page.waitForResponse((answer) => /\/actions\//.test(answer.url()))
  await page.locator('.decide').getByRole('button', { name: '审批通过', exact: true }).click()
  await confirm(page)
  is((await done).status(), 200, 'the office approves')
  await page.context().close()
}

async function licence(page) {
  const id = /doc\/mep_licence\/(\d+)/.exec(page.url())[1]
  await until(async () => (await (await page.request.get(`${url}/api/mep/documents/${id}`)).json()).document.state_customs)
  await page.evaluate(() => dispatchEvent(new Event('focus')))
  await tag(page, '审批通过')
  await valueIs(page, 'base/licence_no', '^2660')
  ok(true, 'the form that was open learns of the licence when somebody comes back to it')
  const face = await value(page, 'base/licence_no')
  like(face, /^2660\w{6}$/, 'the licence has a number of the office\'s series')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '许可证下载' }).click()])
  const file = `${variables}/mep-licence.pdf`
  await download.saveAs(file)
  const text = pdfText(file)
  like(text, /自动进口许可证\(机电产品\)/, 'the licence PDF opens')
  like(text, new RegExp(`26-60-${face.slice(4)}`), 'with its number')
  like(text, new RegExp(`X射线断层检查仪\\s+${GOODS}`), 'its goods')
  like(text, /CT-16\s+台\s+60\s+1,?000\.5\s+60,?030/, 'its first row')
  like(text, /CT-64\s+台\s+40\s+2,?000\s+80,?000/, 'and its second')
  const [code] = qrCodes(file)
  like(code, new RegExp(`verify\\?module=mep&number=${face}&code=[0-9A-Z]{16}$`), 'its QR code leads to the verification page')
  await page.getByRole('button', { name: '查询状态' }).click()
  const box = dialog(page, '查看流程状态')
  await box.getByText(/当前状态：审批通过/).waitFor()
  is(await box.getByRole('list').locator('li strong').allInnerTexts().then((all) => all.filter((word) => ['申报', '撤回', '审批通过'].includes(word)).join(' ')), '申报 撤回 申报 审批通过', 'the way shows every step')
  like(await box.getByRole('list').innerText(), /同意进口。/, 'and the opinion of the office')
  await look(page, 'way')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  return { id, number: face, code }
}

// Customs stores it and uses it in two parts; the first is reserved before.
async function clear(page, { number }) {
  const key = accounts().partner
  let count = 0
  const customs = async (path, data) => {
    const answer = await page.request.post(`${url}/partner/mep/${path}`, { data: { message_id: `f${++count}`, licence_no: number, unit: '001', ...data }, headers: { Authorization: `Bearer ${key}` } })
    is(answer.status(), 200, `customs: ${path} ${data.quantity || data.status}`)
  }
  const goods = (quantity, spec) => [{ code: GOODS, name: 'X射线断层检查仪', spec, quantity, unit: '001', price: '1000.5', currency: 'USD' }]
  const more = { released: '2026-09-03', contract_no: 'HT-7', country: '502', customs_port: '0101', packages: 4 }
  await go(page, '/app/mep/query/mep_licence/balance')
  const row = page.locator('tbody').getByRole('row').filter({ hasText: number })
  await row.waitFor()
  like(await row.innerText(), /\t100\t2026-09-03\t-\t/, 'no balance is told before anything is reserved or used')
  await customs('customs-status', { status: 'STORED' })
  await customs('reservations', { declaration_no: '010120261000000071', quantity: '30' })
  await page.reload()
  await row.waitFor()
  like(await row.innerText(), /\t100\t2026-09-03\t70（另预留 30）\t/, 'a reservation alone is told, with what is left')
  await customs('write-offs', { ...more, declaration_no: '010120261000000071', quantity: '30', bill_no: 'BL-71', goods: goods('30', 'CT-16 第一批') })
  await customs('write-offs', { ...more, declaration_no: '010120261000000072', quantity: '25', bill_no: 'BL-72', goods: goods('25', 'CT-64 第二批') })

  await page.reload()
  await row.filter({ has: page.getByRole('cell', { name: '45', exact: true }) }).waitFor()
  like(await row.innerText(), /\t100\t2026-09-03\t45\t/, 'the balance after two parts')
  await look(page, 'balance')
  await row.getByRole('button', { name: /使用情况/ }).click()
  const box = dialog(page, '余量')
  await box.getByRole('status').waitFor()
  like(await box.getByRole('status').innerText(), /许可 100.*已核销 55.*余量为 45/, 'a sentence says why')
  const lines = box.locator('tbody').getByRole('row')
  for (const [declaration, quantity] of [['010120261000000071', '30'], ['010120261000000072', '25']])
    ok(await lines.filter({ hasText: declaration }).filter({ hasText: quantity }).filter({ hasText: '核销' }).count() > 0, `use ${declaration} is in the statement`)
  ok(await lines.filter({ hasText: '010120261000000071' }).filter({ hasText: '预留' }).count() > 0, 'and what was reserved before')
  await look(page, 'every use')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })

  await go(page, '/app/mep/write-offs/mep_licence')
  for (const [declaration, bill, spec] of [['010120261000000071', 'BL-71', 'CT-16 第一批'], ['010120261000000072', 'BL-72', 'CT-64 第二批']]) {
    const line = page.locator('tbody').getByRole('row').filter({ hasText: bill })
    await line.waitFor()
    await line.getByRole('button', { name: declaration }).click()
    const cleared = dialog(page, new RegExp(declaration))
    await cleared.getByRole('row').filter({ hasText: GOODS }).filter({ hasText: 'X射线断层检查仪' }).filter({ hasText: spec }).waitFor()
    is(await cleared.locator('tbody').getByRole('row').count(), 1, `clearance ${declaration} with its own goods`)
    if (bill === 'BL-72') await look(page, 'cleared goods')
    await page.keyboard.press('Escape')
    await cleared.waitFor({ state: 'hidden' })
  }
  await look(page, 'clearances')
  await go(page, '/app/mep/query/mep_licence/customs')
  await page.getByRole('row').filter({ hasText: number }).filter({ hasText: '报关单核注' }).waitFor()
  ok(true, 'the customs status says that it is used')
}

await test(async () => {
  await fetched()
  const page = await register()
  await apply(page)
  await rows(page)
  await takeBack(page)
  await approve()
  const made = await licence(page), { number, code } = made
  await clear(page, made)
  const anybody = await open('/' + code.slice(code.indexOf('#')))
  await anybody.getByText(/有效/).first().waitFor()
  like(await anybody.locator('main').innerText(), new RegExp(`${number}[\\s\\S]*45`), 'the public page confirms it and what is left')
  await look(anybody, 'verification')
})
