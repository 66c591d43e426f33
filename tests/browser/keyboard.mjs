// An application without a mouse: Tab, Space, letters, Enter, Ctrl+S. Nothing here clicks.
import { is, like, ok, test, url } from './lib.mjs'
import { as, field } from './steps.mjs'

const focused = (page) => page.evaluate(() => document.activeElement?.closest('[data-path]')?.dataset.path ?? document.activeElement?.id ?? '')

// Tab until the cursor stands in a field; each stop on the way must be visible.
async function tabTo(page, path, most = 80) {
  for (let i = 0; i < most; i++) {
    if ((await focused(page)) === path) return true
    await page.keyboard.press('Tab')
  }
  return ok(false, `Tab reaches ${path}`)
}
async function code(page, path, text) {
  await tabTo(page, path)
  await page.keyboard.press('Space')
  await page.getByRole('listbox').waitFor()
  await page.keyboard.type(text, { delay: 15 })
  await page.getByRole('listbox').getByRole('option').first().waitFor()
  await page.keyboard.press('Enter')
  await page.getByRole('listbox').waitFor({ state: 'detached' })
}
// Enter goes on to the next field; the cursor follows a moment later.
const left = (page, path) => page.waitForFunction((was) => document.activeElement?.closest('[data-path]')?.dataset.path !== was, path)
async function text(page, path, value) {
  await tabTo(page, path)
  await page.keyboard.type(value)
}

await test(async () => {
  const page = await as('demo_admin', '/app/export/new/export_licence')
  await field(page, 'goods/hs_code').waitFor()
  await page.evaluate(() => document.querySelector('[data-form] input:not([readonly])').focus())
  await code(page, 'goods/hs_code', '2833110000')
  await left(page, 'goods/hs_code')
  ok(true, 'Enter accepts a code and goes on to the next field')
  await code(page, 'base/customs_port', 'sdjc')
  for (let i = 0; i < 20 && !(await page.evaluate(() => document.activeElement?.innerText === '下一步')); i++) await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.locator('.el-message-box').waitFor()
  await page.keyboard.press('Enter')
  await field(page, 'base/import_country').waitFor()
  await page.waitForTimeout(300)
  await code(page, 'base/import_country', '韩国')
  await code(page, 'base/transport_mode', 'hs')
  await code(page, 'base/payment_term', '4')
  await text(page, 'base/contract_no', 'KEY-1')
  await page.keyboard.press('Enter')
  await left(page, 'base/contract_no')
  like(await focused(page), /^base\//, 'Enter goes on to the next field')
  await text(page, 'base/importer_name_zh', '进口商')
  await text(page, 'base/importer_name_en', 'Importer')
  await text(page, 'base/contract_total_qty', '22')
  await text(page, 'base/contract_sign_date', '2026-08-01')
  await page.keyboard.press('Enter')
  await left(page, 'base/contract_sign_date')
  await text(page, 'base/contract_total_amount', '244.42')
  await page.keyboard.press('Control+s')
  await page.waitForURL(/doc\/export_licence\/\d+/)
  ok(true, 'Ctrl+S saves')
  is(await field(page, 'base/contract_no').locator('input').inputValue(), 'KEY-1', 'what was typed is there')
  is(await field(page, 'base/contract_sign_date').locator('input').inputValue(), '2026-08-01', 'a date can be typed')
  await page.goto(`${url}/#/app/export/list/export_licence`)
  await page.getByRole('row').filter({ hasText: '2026000001' }).waitFor()
  ok(true, 'and stands in the list')
})
