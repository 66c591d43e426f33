import { readFileSync } from 'node:fs'
import { accessible, fits, is, like, ok, test, url } from './lib.mjs'
import { as } from './steps.mjs'

async function looks(page, name) {
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: 800 })
    await page.waitForTimeout(300) // dialogs move into their place
    await fits(page, `${name} at ${width} px`)
    await accessible(page, `${name} at ${width} px`)
    if (process.env.SW_SCREENS) await page.screenshot({ path: `${process.env.SW_SCREENS}/${name}-${width}.png` })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
}
const status = (page, key) => page.request.get(`${url}/api/export/documents?form=export_licence`, { headers: { Authorization: `Bearer ${key}`, Cookie: '' } }).then(answer => answer.status())

// with Tab to the control that matches
async function tabTo(page, matches) {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(matches)) return true
  }
  return false
}

async function makeKey(page) {
  await page.getByRole('button', { name: '新增密钥' }).focus()
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: '新增密钥' })
  await dialog.getByRole('group', { name: /出口许可证/ }).waitFor()
  await page.waitForFunction(() => document.activeElement?.closest('.el-dialog__body'))
  await dialog.getByRole('button', { name: '生成密钥' }).press('Enter')
  like(await dialog.innerText(), /请至少选择一项权限/, 'without rights there is no key, and the page says so')
  ok(await page.waitForFunction(() => document.activeElement?.labels?.[0]?.innerText.includes('名称')), 'the cursor goes to the first thing that is wrong')
  await looks(page, 'api-key-new')
  await dialog.getByLabel('名称').focus()
  await page.keyboard.type('仓储系统')
  for (const right of ['查看', '录入'])
    if (await tabTo(page, `document.activeElement.type === 'checkbox' && document.activeElement.closest('fieldset').innerText.includes('出口许可证') && document.activeElement.parentNode.innerText.includes('${right}')`)) await page.keyboard.press('Space')
  ok(await tabTo(page, `document.activeElement.innerText === '生成密钥'`), 'the keyboard reaches everything')
  await page.keyboard.press('Enter')
  await dialog.getByText('只显示这一次').waitFor()
  const key = (await dialog.locator('.key').innerText()).trim()
  await looks(page, 'api-key-made')
  await page.keyboard.press('Escape')
  await page.getByText('还没有复制').waitFor()
  await page.keyboard.press('Escape')
  ok(await dialog.locator('.key').isVisible(), 'Esc does not lose a key that nobody has copied')
  await page.waitForFunction(() => document.activeElement?.innerText === '复制文本')
  await page.keyboard.press('Enter')
  await page.getByText('已复制到剪贴板').waitFor()
  is(await page.evaluate(() => navigator.clipboard.readText()), key, 'it is copied')
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'hidden' })
  return key
}

async function manual(page) {
  await page.getByRole('link', { name: '接口说明' }).click()
  const create = page.locator('details').filter({ hasText: '新建单据' })
  await create.first().waitFor()
  await create.first().locator('summary').press('Enter')
  like(await create.first().innerText(), /POST[\s\S]*\/api\/export\/documents[\s\S]*需要权限：录入[\s\S]*Idempotency-Key[\s\S]*curl -X POST[\s\S]*Authorization: Bearer sw_/, 'the manual shows how it is called')
  await create.first().scrollIntoViewIfNeeded()
  await looks(page, 'developers')
  like(await create.first().innerText(), /"form":"export_licence","body":\{"base":\{"year"/, 'with an example that has fields')
  const [schema] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: '出口许可证 JSON Schema' }).click()])
  is(JSON.parse(readFileSync(await schema.path(), 'utf8')).title, '出口许可证', 'schemas can be taken')
  const [template] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: '出口许可证 批量新建模板（XLSX）' }).click()])
  is(template.suggestedFilename(), 'export_licence.xlsx', 'and the workbook')
  await page.getByLabel('查找接口').fill('template.xlsx')
  is(await page.locator('details').count(), 1, 'what is looked for is found')
  await page.getByLabel('查找接口').fill('')
  await page.getByLabel('业务').selectOption('origin')
  await page.getByText('/api/origin/documents', { exact: true }).first().waitFor()
  ok(!(await page.getByText('/api/export/documents', { exact: true }).count()), 'for every module')
  await page.getByLabel('业务').selectOption({ label: '状态推送' })
  await page.getByText('/api/exchange/queues/{queue}', { exact: true }).waitFor()
  ok(await page.getByRole('heading', { name: '状态变化' }).count(), 'and for what changes')
  await page.goBack()
}

await test(async () => {
  const page = await as('demo_admin', '/app/me/profile')
  await page.getByRole('link', { name: '接口密钥' }).click()
  await page.getByText('还没有接口密钥').waitFor()
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  const key = await makeKey(page)
  like(key, /^sw_[0-9a-f]{64}$/, 'the key is shown')
  const row = page.getByRole('row').filter({ hasText: '仓储系统' })
  await row.waitFor()
  like(await row.innerText(), new RegExp('有效[\\s\\S]*出口许可证：查看、录入[\\s\\S]*2027-09-03[\\s\\S]*从未使用[\\s\\S]*600[\\s\\S]*' + key.slice(0, 11)), 'the list says what it may')
  ok(!(await page.content()).includes(key), 'and does not hold the key')
  is(await status(page, key), 200, 'the key works')
  await looks(page, 'api-keys')
  await manual(page)
  await row.getByRole('button', { name: '停用' }).click()
  await page.getByRole('dialog').getByRole('button', { name: '确定' }).click()
  await row.filter({ hasText: '已停用' }).waitFor()
  for (let i = 0; i < 100 && (await status(page, key)) !== 401; i++) await page.waitForTimeout(100)
  is(await status(page, key), 401, 'withdrawn it works no more')
  await page.getByRole('button', { name: 'English' }).click()
  await page.getByRole('heading', { name: 'API keys' }).waitFor()
  await accessible(page, 'API keys in English')
})
