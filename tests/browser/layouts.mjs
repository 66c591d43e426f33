import { accessible, fits, like, ok, test, url } from './lib.mjs'
import { as } from './steps.mjs'

const dot = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64')

async function looks(page, name) {
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: 800 })
    await fits(page, `${name} at ${width} px`)
    await accessible(page, `${name} at ${width} px`)
    if (process.env.SW_SCREENS) await page.screenshot({ path: `${process.env.SW_SCREENS}/${name}-${width}.png`, fullPage: true })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}
const agree = page => page.getByRole('dialog').getByRole('button', { name: '确定' }).click()

async function layouts() {
  const page = await as('demo_portal', '/app/admin/layouts')
  const rows = page.locator('tbody').getByRole('row')
  await rows.filter({ hasText: '长单' }).waitFor()
  like(await rows.first().innerText(), /未核实[\s\S]*长单[\s\S]*flowing_paper_142/, 'what nobody has confirmed stands first')
  like(await page.locator('#main').innerText(), /每页都会印上“版式未核实”/, 'and the page says what that means')
  await looks(page, 'layouts')
  const [sample] = await Promise.all([page.context().waitForEvent('page'), rows.first().getByRole('button', { name: '样张' }).click()])
  ok(sample, 'a sample opens')
  await sample.close()
  await rows.first().getByRole('button', { name: '确认' }).click()
  await agree(page)
  const confirmed = rows.filter({ hasText: '长单' })
  await confirmed.filter({ hasText: '已确认' }).waitFor()
  like(await confirmed.innerText(), /demo_portal/, 'confirmed, by whom')
  await confirmed.getByRole('button', { name: '撤销确认' }).click()
  await agree(page)
  await confirmed.filter({ hasText: '未核实' }).waitFor()
  ok(true, 'and taken back')
  await page.goto(`${url}/#/app/admin/audit`)
  like(await page.getByRole('row').filter({ hasText: '撤销版式确认' }).first().innerText(), /demo_portal[\s\S]*export\/flowing_paper_142/, 'the audit says it in words')
}

async function seal() {
  const page = await as('demo_manager', '/app/desk/seal/export')
  await page.getByText('还没有印章').waitFor()
  await page.locator('nav').getByText('机构印章').first().waitFor()
  ok(true, 'the desk leads there')
  const file = page.locator('#seal-file')
  await file.setInputFiles({ name: 'seal.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('x') })
  await page.getByRole('alert').filter({ hasText: 'PNG' }).waitFor()
  ok(await page.getByRole('button', { name: '上传' }).isDisabled(), 'only PNG')
  await file.setInputFiles({ name: 'seal.png', mimeType: 'image/png', buffer: dot })
  await page.getByRole('button', { name: '上传' }).click()
  await page.getByRole('img', { name: '机构印章' }).waitFor()
  ok(true, 'the seal is shown')
  await looks(page, 'seal')
  await page.getByRole('button', { name: '删除印章' }).click()
  await agree(page)
  await page.getByText('还没有印章').waitFor()
  ok(true, 'and deleted')
}

await test(async () => {
  await layouts()
  await seal()
})
