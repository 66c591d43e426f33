// Certificates of origin, the screens beside the way of one (origin_flow.mjs): each works, fits both widths, and axe finds nothing.
import { is, like, ok, test, url } from './lib.mjs'
import { as, confirm, field, fill, look } from './steps.mjs'

const { SW_GENERAL: general, SW_VOID: voided, SW_REVOCABLE: revocable, SW_FILED: filed } = process.env
const dialog = (page, name) => page.getByRole('dialog', { name })
const button = (page, name) => page.getByRole('button', { name, exact: true })
const go = async (page, path) => { await page.goto(`${url}/#/app/${path}`); await page.reload() }
const rows = page => page.locator('[role=tabpanel]:visible tbody').getByRole('row')
const inRow = (page, name) => page.getByRole('dialog').locator(`[data-path$="/${name}"]`)
const figures = (page, name) => inRow(page, name).locator('input').evaluateAll(inputs => inputs.map(input => input.value))
const saved = page => page.locator('.tag').filter({ hasText: '未保存' }).waitFor({ state: 'detached' })

async function menu(page) {
  await go(page, 'origin/fetches')
  const entries = page.getByRole('navigation', { name: '菜单' }).or(page.locator('nav.menu')).first()
  await entries.getByRole('link', { name: '创建原产地证' }).waitFor()
  is((await entries.getByRole('link').allInnerTexts()).map(text => text.trim()),
    ['用户备案', '创建原产地证', '全部原产地证', '优惠原产地证查询', '一般原产地证查询', '作废原产地证查询', '业务统计', '版本说明', '新建商品备案', '商品备案查询', '版本说明', '已备案商品查询',
      '特殊条款管理', '出口商管理', '进口商管理', '生产商管理', '数据同步', '状态推送'], 'the menu has everything of the module')
}

// Each kind of base data has its list, its form and its checks.
async function base(page) {
  const kinds = {
    origin_importer: { entries: { customer_code: '2019001', customer_name_en: 'BUYER LTD.', customer_address_en: '1 BUYER STREET', bank_account: '1234567890123456789' }, block: 'importer_data', wrong: ['bank_account', '123'], shows: 'BUYER LTD.' },
    origin_producer: { entries: { producer_code: 'MAKER1', maker_name_zh: '演示生产厂', maker_name_en: 'DEMO WORKS', maker_address_en: '2 WORKS ROAD' }, block: 'producer_data', wrong: ['producer_code', 'a'], shows: 'DEMO WORKS' },
    origin_clause: { entries: { clause_code: 'CL1', clause_text: 'THE GOODS ARE OF CHINESE ORIGIN.' }, block: 'clause_data', wrong: ['clause_code', 'a-1'], shows: 'CHINESE ORIGIN' }
  }
  for (const [form, { entries, block, wrong, shows }] of Object.entries(kinds)) {
    await go(page, `origin/list/${form}`)
    await page.getByRole('button', { name: '+ 新增' }).click()
    await page.waitForURL(new RegExp(`new/${form}`))
    await field(page, `${block}/${wrong[0]}`).waitFor()
    for (const [name, text] of Object.entries(entries)) await fill(page, `${block}/${name}`, text)
    await fill(page, `${block}/${wrong[0]}`, wrong[1])
    await field(page, `${block}/${wrong[0]}`).locator('.hint').filter({ hasText: /\S/ }).waitFor()
    ok(true, `${form}: ${wrong.join(' ')} is told at its field`)
    await fill(page, `${block}/${wrong[0]}`, entries[wrong[0]])
    await look(page, form)
    await button(page, '保存').click()
    await page.waitForURL(new RegExp(`doc/${form}`))
    await go(page, `origin/list/${form}`)
    await rows(page).filter({ hasText: shows }).waitFor()
    ok(true, `${form}: saved, it stands in its list`)
    await look(page, `${form} list`)
  }
}

// Filters can be put away.
async function filters(page) {
  await go(page, 'origin/list/certificate_of_origin/general')
  await rows(page).filter({ hasText: 'GENERAL-1' }).waitFor()
  is(await rows(page).count(), 2, 'general certificates have a list of their own')
  await button(page, '收起搜索框').click()
  ok(!(await page.getByLabel('发票号').isVisible()), 'the filters are put away')
  await look(page, 'list without filters')
  await button(page, '展开搜索框').click()
  await page.getByLabel('发票号').fill('before')
  await button(page, '查询').click()
  await rows(page).filter({ hasText: 'GENERAL-1' }).waitFor({ state: 'detached' })
  ok(await rows(page).filter({ hasText: 'BEFORE-1' }).count(), 'and brought back, and narrow the list')
}

// Processing steps with imported materials; "the same as last time" brings them.
async function processing(page) {
  await go(page, `origin/doc/certificate_of_origin/${general}`)
  await page.getByRole('button', { name: '编辑第 1 行' }).click()
  const box = dialog(page, /商品信息 第 1 行/)
  await inRow(page, 'processing').waitFor()
  ok(!(await box.getByText('进口原材料').count()), 'without processing nothing is asked about it')
  await fill(page, (await inRow(page, 'item_hs').getAttribute('data-path')), '392690')
  await inRow(page, 'processing').getByText('需要申报, 内容和上次一样').click()
  await page.waitForFunction(() => document.querySelector('[role=dialog] [data-path$="/processing_goods"] input')?.value === 'PLASTIC PARTS')
  is(await figures(page, 'import_hs'), ['3901', '3902'], 'the same as last time: the imported materials come with it')
  await page.waitForFunction(() => document.querySelector('[role=dialog] [data-path$="/imported_share"] input')?.value === '17')
  ok(true, 'their share of the price is computed: (1.5 + 0.2) / 10 = 17 %')
  await look(page, 'processing steps')
  for (const hs of ['3903', '3904', '3905']) {
    await box.getByRole('button', { name: '+ 新增一行' }).click()
    await inRow(page, 'import_hs').last().locator('input').fill(hs)
    await inRow(page, 'import_cif_usd').last().locator('input').fill('0.1')
  }
  ok(await box.getByRole('button', { name: '+ 新增一行' }).isDisabled(), 'five materials at most')
  await page.waitForFunction(() => document.querySelector('[role=dialog] [data-path$="/imported_share"] input')?.value === '20')
  await box.getByRole('button', { name: '保存', exact: true }).last().click()
  await box.waitFor({ state: 'hidden' })
  await saved(page)
  const body = async () => (await (await page.request.get(`${url}/api/origin/documents/${general}`)).json()).body.goods.rows[0]
  is((await body()).imports?.map(item => item.import_hs), ['3901', '3902', '3903', '3904', '3905'], 'all five are kept')
  // closing leaves the row as it was, with what is nested in it
  await page.getByRole('button', { name: '编辑第 1 行' }).click()
  await inRow(page, 'import_hs').first().locator('input').fill('9999')
  await button(box, '关闭').last().click()
  await confirm(page)
  await box.waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: '编辑第 1 行' }).click()
  is((await figures(page, 'import_hs'))[0], '3901', 'closing leaves materials as they were')
  // what is no longer declared goes
  await inRow(page, 'processing').getByText('无需申报').click()
  await box.getByText('进口原材料').waitFor({ state: 'detached' })
  await box.getByRole('button', { name: '保存', exact: true }).last().click()
  await box.waitFor({ state: 'hidden' })
  await saved(page)
  is((await body()).imports, undefined, 'without processing no materials are kept')
}

async function synchronise(page) {
  await go(page, 'origin/fetches')
  await rows(page).filter({ hasText: '用户备案' }).waitFor()
  await button(page, '同步商品备案信息').click()
  await rows(page).filter({ hasText: '商品备案同步成功' }).waitFor()
  like(await rows(page).filter({ hasText: '商品备案同步成功' }).innerText(), /已备案商品[\s\S]*同步完成[\s\S]*演示企业管理员[\s\S]*2026-09-03 10:00[\s\S]*2/, 'a synchronisation tells what, by whom, when and how many')
  await button(page, '同步用户备案').click()
  await rows(page).nth(2).waitFor()
  ok(true, 'the registration is synchronised, too')
  await look(page, 'synchronisation')
  await go(page, 'origin/list/filed_goods')
  await rows(page).filter({ hasText: '18S2102M9997/00054' }).waitFor()
  ok(true, 'what was brought stands among the filed goods')
  await look(page, 'filed goods')
}

async function voids(page) {
  await go(page, 'origin/list/certificate_of_origin/void')
  await rows(page).filter({ hasText: voided }).waitFor()
  is(await rows(page).count(), 1, 'void certificates, and only these, have a list of their own')
  await look(page, 'void list')
}

async function registrations(page) {
  await go(page, 'me/filings')
  await rows(page).nth(2).waitFor()
  like((await rows(page).filter({ hasText: '原产地证' }).innerText()).replace(/\s+/g, ' '), /用户备案 2102M9997 2026-09-03 审核通过/, 'my registrations: the state of each')
  is(await rows(page).filter({ hasText: '尚未备案' }).count(), 2, 'and those that are missing')
  await look(page, 'registrations')
  await rows(page).filter({ hasText: '原产地证' }).getByRole('link').click()
  await page.waitForURL(/origin\/own\/origin_registration/)
  ok(true, 'each leads to its form')
  const operator = await as('demo_operator', '/app/me/profile')
  await operator.getByRole('link', { name: '修改密码' }).waitFor()
  is(await operator.getByRole('link', { name: '我的资质' }).count(), 0, 'only the administrator of the enterprise has them')
  await operator.context().close()
}

// The officer reads what was filed, and makes a certificate void.
async function desk() {
  const page = await as('demo_ccpit', `/app/desk/doc/origin/${filed}`)
  await page.getByText('屠宰、分割、冷冻').waitFor()
  await look(page, 'filed goods on the desk')
  await page.goto(`${url}/#/app/desk/doc/origin/${revocable}`)
  await page.getByRole('heading', { name: '发票、申请与签署' }).waitFor()
  ok(await page.getByRole('cell', { name: /26S2102M9997\/0000\d/ }).count(), 'goods name the number under which they were filed')
  const press = page.locator('.decide').getByRole('button', { name: '作废证书' })
  await press.click()
  ok(await page.getByText(/请填写意见|意见必填|请填写/).first().isVisible(), 'a certificate is not made void without a reason')
  await page.locator('.decide:visible textarea').fill('演示作废')
  await look(page, 'certificate on the desk')
  const done = page.waitForResponse(answer => /actions\/revoke/.test(answer.url()))
  await press.click()
  await confirm(page)
  is((await done).status(), 200, 'with one it is')
  await page.locator('.head .tag').filter({ hasText: '已作废' }).waitFor()
  await page.goto(`${url}/#/app/desk/licences/origin`)
  await rows(page).filter({ hasText: 'REVOKE-1' }).waitFor()
  await look(page, 'certificates of the office')
  await page.context().close()
}

// The second language: its words are there, and fit.
async function english(page) {
  await page.getByRole('button', { name: 'English' }).click()
  await page.locator('html[lang=en]').waitFor() // its words have come, and are remembered
  for (const [path, words] of Object.entries({ 'origin/new/certificate_of_origin': /Choose the type of certificate[\s\S]*China-ASEAN FTA/, [`origin/doc/certificate_of_origin/${general}`]: /Exporter, consignee and producer[\s\S]*Make/,
    'origin/list/certificate_of_origin/preferential': /Hide filters/, 'origin/fetches': /Synchronise goods filings/, 'origin/new/goods_filing': /ECFA is filed alone/, 'origin/own/origin_registration': /Import by its numbers/, 'me/filings': /Not registered/ })) {
    await go(page, path)
    await page.locator('[role=tabpanel]:visible').filter({ hasText: words }).waitFor()
    ok(true, `${path.replace(/\d+/, 'one')} in English`)
    await look(page, `${path.replaceAll('/', ' ').replace(/\d+/, 'one')} in English`)
  }
}

const parts = { menu, base, filters, processing, synchronise, voids, registrations, desk, english }
await test(async () => {
  const page = await as('demo_admin', '/app/origin/fetches')
  for (const [name, part] of Object.entries(parts)) if (!process.env.SW_PART || process.env.SW_PART.split(',').includes(name)) await part(page)
})
