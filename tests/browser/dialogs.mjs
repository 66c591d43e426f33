import { accessible, fits, idle, is, ok, test, url } from './lib.mjs'
import { as } from './steps.mjs'

const keep = process.env.SW_SCREENS
const [returned, printed, waiting] = (process.env.SW_DOCUMENTS ?? '').split(',')
const FORM = '/app/export/doc/export_licence'

// who, where, the button that opens, what must be ticked before
const dialogs = [
  ['demo_admin', `${FORM}/${returned}`, '上传附件'], ['demo_admin', `${FORM}/${returned}`, '合同信息表'], ['demo_admin', `${FORM}/${returned}`, '检索商品代码'],
  ['demo_admin', `${FORM}/${returned}`, '查看审批意见'], ['demo_admin', `${FORM}/${returned}`, '查询审批状态'], ['demo_admin', `${FORM}/${returned}`, '复制'],
  ['demo_admin', `${FORM}/${returned}`, '删除'], ['demo_admin', `${FORM}/${printed}`, '查看附件'],
  ['demo_admin', '/app/export/query/export_licence/history', '余量', true], ['demo_admin', '/app/export/query/export_licence/history', '办理过程', true],
  ['demo_admin', '/app/export/query/export_licence/history', '导入历史数据'], ['demo_admin', '/app/export/list/export_licence', '批量导入'], ['demo_admin', '/app/export/push', '订阅'], ['demo_admin', '/app/origin/own/origin_registration', '备案号导入'], ['demo_admin', '/app/me/operators', '新增用户'], ['demo_admin', '/app/me/operators', '编辑'],
  ['demo_admin', '/app/me/operators', '锁定'], ['demo_admin', '/app/me/operators', '重置密码'],
  ['demo_manager', `/app/desk/doc/export/${waiting}`, '转派'], ['demo_manager', `/app/desk/doc/export/${waiting}`, '办理过程'], ['demo_manager', `/app/desk/doc/export/${waiting}`, '初审通过'],
  ['demo_manager', `/app/desk/doc/export/${printed}`, '余量'],
  ['demo_portal', '/app/admin/officers', '新增用户'], ['demo_portal', '/app/admin/partners', '新增伙伴'], ['demo_portal', '/app/admin/partners', '停用'],
  ['demo_portal', '/app/admin/articles', '新增文章'], ['demo_portal', '/app/admin/articles', '编辑'], ['demo_portal', '/app/admin/articles', '删除'], ['demo_portal', '/app/admin/codes', '导入 CSV'],
]

async function tryDialog(page, who, path, name, tick) {
  const title = `${name} (${path}, ${who})`
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.goto(`${url}/#${path}`)
  const panel = page.locator('[role=tabpanel]:visible')
  if (tick) await panel.getByRole('checkbox').nth(1).check()
  const opener = panel.getByRole('button', { name: new RegExp(`^(\\+ )?${name}( .+)?$`) }).first()
  // what it opens may need something that is still being loaded
  await page.waitForFunction((element) => !element.disabled, await opener.elementHandle())
  await opener.focus()
  await page.keyboard.press('Enter')
  const box = page.locator('.el-dialog, .el-message-box').filter({ visible: true })
  await box.waitFor()
  await idle(page)
  ok(await page.evaluate(() => !!document.activeElement.closest('[role=dialog]')), `the cursor is in the dialog: ${title}`)
  await accessible(page, title)
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: width === 360 ? 780 : 900 })
    await fits(page, `${title} at ${width} px`)
    if (keep) await page.screenshot({ path: `${keep}/dialog-${width}-${path.split('/').slice(2, 4).join('_')}-${name.replaceAll(' ', '')}.png` })
  }
  await page.setViewportSize({ width: 1440, height: 900 })
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  const back = await page.waitForFunction((element) => document.activeElement === element, await opener.elementHandle(), { timeout: 5000 }).catch(() => null)
  ok(back, `the cursor is back on its button: ${title}`)
}

// What was typed into a dialog does not go with a slip of the finger.
async function unsaved() {
  const page = await as('demo_portal', '/app/admin/articles')
  await page.getByRole('button', { name: '新增文章' }).click()
  const box = page.getByRole('dialog', { name: '新增文章' })
  await box.getByLabel('正文').fill('很长的一篇文章')
  const question = page.locator('.el-message-box').getByText('有未保存的内容')
  await page.keyboard.press('Escape')
  await question.waitFor()
  await page.keyboard.press('Escape')
  await question.waitFor({ state: 'hidden' })
  is(await box.getByLabel('正文').inputValue(), '很长的一篇文章', 'closing a dialog with something in it asks first')
  await box.locator('footer').getByRole('button', { name: '关闭' }).click()
  await page.locator('.el-message-box').getByRole('button', { name: '确定' }).click()
  await box.waitFor({ state: 'hidden' })
  ok(true, 'and closes when that is meant')
  await page.context().close()
}

await test(async () => {
  await unsaved()
  let page, before
  for (const [who, path, name, tick] of dialogs) {
    if (who !== before) { await page?.context().close(); page = await as(who) }
    before = who
    await tryDialog(page, who, path, name, tick).catch((error) => ok(false, `${name} at ${path}: ${error.message.split('\n')[0]}`))
  }
})
