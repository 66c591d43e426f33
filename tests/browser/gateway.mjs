// Two dead letters and one that waits, of an authority whose system works by folders; at the desk its documents are only looked at.
import { readFileSync } from 'node:fs'
import { is, like, ok, test, url } from './lib.mjs'
import { as, look, until } from './steps.mjs'

async function find(page, state) {
  await page.getByRole('combobox', { name: '状态' }).selectOption(state)
  await page.getByRole('button', { name: '查询' }).click()
}

// The audit says in words what was done, and finds by them; other lists of the administrator in English, narrow.
async function logs(page) {
  await page.goto(`${url}/#/app/admin/audit`)
  await page.getByRole('combobox', { name: '操作' }).selectOption({ label: '登录失败' })
  await page.getByRole('button', { name: '查询', exact: true }).click()
  await page.getByText('无匹配数据').waitFor()
  await page.getByRole('combobox', { name: '操作' }).selectOption({ label: '登录' })
  await page.getByRole('button', { name: '查询', exact: true }).click()
  await page.getByRole('row').filter({ hasText: 'demo_portal' }).first().waitFor()
  ok(true, 'the audit is searched by words')
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: '导出CSV' }).click()])
  ok(!/demo_data/.test(readFileSync(await file.path(), 'utf8')), 'and its file has what was searched for')
  await page.getByRole('button', { name: 'English' }).click()
  for (const name of ['gateway', 'unknown', 'mailbox', 'deliveries']) {
    await page.goto(`${url}/#/app/admin/${name}`)
    await page.locator('[role=tabpanel]:visible h1').first().waitFor()
    await look(page, `${name} in English`)
    ok(!/[\u4e00-\u9fff]/.test(await page.locator('[role=tabpanel]:visible').first().evaluate((panel) => [...panel.querySelectorAll('h1, h2, th, label, legend, button, .note, .tag, option')].map((part) => part.innerText).join(' ').replace(/大连发证机构|海关/g, ''))), `${name}: no Chinese words among ours`)
  }
}

// Where another system reviews, the desk and the applicant are told whose.
async function elsewhere() {
  const officer = await as('demo_ab', '/app/desk/queue')
  const words = '本机构的单据由大连发证机构的系统审批'
  await officer.getByText(words).waitFor()
  ok(!(await officer.getByRole('button', { name: '领取' }).count()) && !(await officer.getByRole('checkbox').count()), 'the desk says who reviews, and offers nothing that would be refused')
  await look(officer, 'queue')
  await officer.getByRole('link', { name: /^2026/ }).first().click()
  await officer.getByRole('heading', { name: /出口许可证 2026/ }).waitFor()
  await officer.getByText(words).last().waitFor()
  ok(!(await officer.getByRole('heading', { name: '审批' }).count()), 'so does the document')
  await look(officer, 'desk')
  const applicant = await as('demo_admin', '/app/export/list/export_licence')
  await applicant.getByRole('link', { name: '2026000001' }).click()
  await applicant.getByText('由大连发证机构的系统审批，结果会自动显示在本页。').waitFor()
  ok(true, 'the applicant is told, too')
  await look(applicant, 'applicant')
}

await test(async () => {
  const page = await as('demo_portal', '/app/admin/gateway')
  const dead = page.getByRole('button', { name: /大连发证机构 无法处理/ })
  await until(async () => { await page.getByRole('button', { name: '刷新' }).click(); return (await dead.count()) && (await dead.innerText()) === '1' })
  like(await page.locator('article').filter({ hasText: '大连发证机构' }).innerText(), /文件夹[\s\S]*审批：.*AB/, 'the partner, its way and what it reviews')
  like(await page.locator('article').filter({ hasText: '海关' }).innerText(), /HTTPS[\s\S]*发送许可证/, 'and customs')
  await look(page, 'partners')

  await dead.click()
  const row = page.getByRole('row').filter({ hasText: 'Speed' })
  await row.waitFor()
  is(await page.getByRole('combobox', { name: '状态' }).inputValue(), 'dead', 'its figure leads to the messages behind it')
  await row.getByRole('button', { name: /查看/ }).click()
  const box = page.getByRole('dialog', { name: /^报文 / })
  await box.getByRole('table').waitFor()
  like(await box.innerText(), /unknown-member\.xml/, 'the file is named')
  like(await box.locator('.text .wrong').innerText(), /<Speed>high/, 'the line is marked in the text')
  await look(page, 'dead letter')

  await box.getByRole('button', { name: '重试' }).click()
  await box.waitFor({ state: 'hidden' })
  await until(async () => { await page.getByRole('button', { name: '刷新' }).click(); return (await dead.count()) && (await dead.innerText()) === '1' })
  ok(true, 'tried again, it is refused again')
  await page.getByRole('row').filter({ hasText: '无法处理' }).first().getByRole('button', { name: /查看/ }).click()
  await box.getByRole('button', { name: '放弃' }).click()
  await page.keyboard.press('Escape')
  await page.locator('.el-message-box').waitFor({ state: 'hidden' })
  ok(await box.isVisible(), 'Esc closes the question, not the message')
  await box.getByRole('button', { name: '放弃' }).click()
  const asked = page.locator('.el-message-box')
  await asked.getByRole('button', { name: '确定' }).click()
  ok(await asked.isVisible(), 'no dropping without a reason')
  await asked.locator('textarea').fill('发证机构来电确认作废')
  await look(page, 'dropping')
  await asked.getByRole('button', { name: '确定' }).click()
  await box.waitFor({ state: 'hidden' })
  await find(page, 'dropped')
  await page.getByRole('row').filter({ hasText: '已放弃' }).getByRole('button', { name: /查看/ }).click()
  like(await box.innerText(), /发证机构来电确认作废/, 'why it was dropped stands with it')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })

  // what waits for a message that is missing
  await find(page, 'waiting')
  await page.getByRole('row').filter({ hasText: process.env.SW_GAP }).filter({ hasText: '等待同一单证的前一份报文' }).getByRole('button', { name: /查看/ }).click()
  await box.getByText('前面的还没有全部处理完').waitFor()
  ok(!(await box.getByRole('button', { name: '重试' }).count()), 'what waits for another message is not offered to be tried again, which would not help')
  await look(page, 'gap')
  await box.getByRole('button', { name: '跳过缺少的报文' }).click()
  await page.locator('.el-message-box').getByRole('button', { name: '确定' }).click()
  await box.waitFor({ state: 'hidden' })
  await find(page, 'taken')
  await until(async () => { await page.getByRole('button', { name: '刷新' }).click(); return page.getByRole('row').filter({ hasText: process.env.SW_GAP }).filter({ hasText: '已接收' }).count() })
  ok(true, 'skipped, it is taken')

  await page.getByRole('button', { name: '发出', exact: true }).click()
  await page.getByRole('row').filter({ hasText: '附件' }).first().waitFor()
  await look(page, 'sent')
  await page.getByRole('row').filter({ hasText: '拒收' }).first().getByRole('button', { name: /查看/ }).click()
  like(await box.locator('.text').innerText(), /<Rejection>/, 'what was sent can be read')
  await page.keyboard.press('Escape')

  await logs(page)
  await elsewhere()
})
