import { accessible, fits, is, like, ok, test, url } from './lib.mjs'
import { as } from './steps.mjs'

await test(async () => {
  const page = await as('demo_portal', '/')
  const notice = page.getByRole('alert').filter({ hasText: '编号' })
  await notice.waitFor()
  like(await notice.innerText(), /已用完.*演示许可/, 'the home page names the series that is used up')
  await accessible(page, 'home with a notice')
  await page.goto(`${url}/#/app/admin`)
  await page.getByRole('heading', { name: '审批与海关用户' }).waitFor()
  await notice.waitFor()
  ok(true, 'so does the administration')
  await notice.getByRole('link', { name: '编号系列' }).click()
  const rows = page.locator('tbody').getByRole('row')
  await rows.filter({ hasText: '演示许可' }).first().waitFor()
  is(await notice.count(), 0, 'not above the list itself')
  like(await rows.first().innerText(), /已用完[\s\S]*演示许可[\s\S]*许可号[\s\S]*3[\s\S]*3[\s\S]*0/, 'what is used up stands first, with its numbers')
  is(await rows.first().locator('.tag.danger').count(), 1, 'in red')
  ok(await rows.filter({ hasText: '正常' }).count(), 'the others are as they should be')
  like(await page.locator('#main').innerText(), /发布新的定义版本/, 'it says what to do')
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: 800 })
    await fits(page, `number series at ${width} px`)
    await accessible(page, `number series at ${width} px`)
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.getByRole('button', { name: 'English' }).click()
  await rows.filter({ hasText: 'Used up' }).first().waitFor()
  like(await rows.first().innerText(), /Unseen permit[\s\S]*Permit No\./, 'in English, too')
  if (process.env.SW_SCREENS) await page.screenshot({ path: `${process.env.SW_SCREENS}/series.png`, fullPage: true })
})
