// Two officers review a batch: opinions once for all, a result for each document, claiming, releasing and handing over.
import { accessible, fits, is, like, ok, test, url } from './lib.mjs'
import { as } from './steps.mjs'

const line = (page, number) => page.locator('tbody').getByRole('row').filter({ hasText: `202600000${number}` })
const dialog = (page, name) => page.getByRole('dialog', { name })
const focused = (page) => page.evaluate(() => document.activeElement?.innerText?.trim() || document.activeElement?.getAttribute('aria-label') || '')

async function tabTo(page, name, most = 60) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab')
    if ((await focused(page)) === name) return
  }
  ok(false, `Tab reaches ${name}, it stands at ${await focused(page)}`)
}

async function tick(page, ...numbers) {
  for (const number of numbers) await line(page, number).getByRole('checkbox').check()
}

async function decide(page, action, opinion) {
  await page.getByRole('toolbar').getByRole('button', { name: action, exact: true }).click()
  const box = page.locator('.el-message-box')
  await box.getByRole('textbox').fill(opinion)
  await box.getByRole('button', { name: '确定' }).click()
  await dialog(page, `${action}结果`).getByText(/成功 \d+ 份/).waitFor()
}

async function close(page, name) {
  await dialog(page, name).locator('footer').getByRole('button', { name: '关闭' }).click()
  await dialog(page, name).waitFor({ state: 'hidden' })
}

// The first review of three at once, with the keyboard alone.
async function firstReview() {
  const page = await as('demo_manager', '/app/desk/queue')
  await line(page, 4).waitFor()
  await page.getByRole('checkbox', { name: '选择 2026000001' }).focus()
  for (const number of [1, 2, 3]) {
    if (number > 1) await tabTo(page, `选择 202600000${number}`)
    await page.keyboard.press('Space')
  }
  await page.getByText('已选 3 条').waitFor()
  ok(true, 'the desk says how many are ticked')
  await accessible(page, 'queue with ticked documents')
  await page.getByRole('button', { name: '初审退回' }).focus()
  await page.keyboard.press('Shift+Tab')
  is(await focused(page), '初审通过', 'the actions are reached with Tab')
  await page.keyboard.press('Enter')
  await page.locator('.el-message-box textarea').waitFor()
  await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA')
  like(await page.locator('.el-message-box').innerText(), /3 份单据/, 'the question says for how many')
  await page.keyboard.type('材料齐全')
  await accessible(page, 'opinion for a batch')
  await tabTo(page, '确定')
  await page.keyboard.press('Enter')
  const result = dialog(page, '初审通过结果')
  await result.getByText('成功 3 份').waitFor()
  is(await result.locator('tbody tr').count(), 3, 'a line for each document')
  like(await result.locator('tbody').innerText(), /2026000001[\s\S]*待复审/, 'with its number and what it is now')
  await accessible(page, 'results of a batch')
  await page.keyboard.press('Escape')
  await result.waitFor({ state: 'hidden' })
  is(await focused(page), '初审通过', 'the cursor is back on the button')
  return page
}

// An opinion that is demanded is asked for until it is there.
async function opinionDemanded(page) {
  await tick(page, 4)
  await page.getByRole('toolbar').getByRole('button', { name: '初审退回' }).click()
  const box = page.locator('.el-message-box')
  await box.getByRole('button', { name: '确定' }).click()
  await box.getByText('请填写意见').first().waitFor()
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'hidden' })
  await line(page, 4).waitFor()
  ok(true, 'without the opinion nothing happens')
}

// Who passed the first review is refused the second, document by document.
async function refused(page) {
  await page.getByRole('button', { name: /待复审/ }).click()
  await line(page, 1).waitFor()
  await tick(page, 1, 2)
  await decide(page, '复审通过', '同意')
  const result = dialog(page, '复审通过结果')
  like(await result.innerText(), /成功 0 份，失败 2 份/, 'the same officer is refused')
  for (const number of [1, 2]) like(await result.getByRole('row').filter({ hasText: `202600000${number}` }).innerText(), /失败[\s\S]*\S{6}/, 'each with its reason')
  await result.getByRole('link', { name: '2026000001' }).click()
  await page.getByRole('heading', { name: /2026000001/ }).waitFor()
  ok(!(await result.isVisible()), 'a link in the result opens the document')
  await page.goBack()
  await close(page, '复审通过结果')
}

// Claim, release, hand over to a colleague.
async function handOver(page) {
  await line(page, 3).waitFor()
  await tick(page, 3)
  await page.getByRole('toolbar').getByRole('button', { name: '领取' }).click()
  await line(page, 3).getByText('我', { exact: true }).waitFor()
  await tick(page, 3)
  await page.getByRole('toolbar').getByRole('button', { name: '放回' }).click()
  await line(page, 3).getByText('我', { exact: true }).waitFor({ state: 'detached' })
  ok(true, 'claimed and put back from the queue')
  await line(page, 3).getByRole('link').click()
  const button = page.getByRole('button', { name: '转派' })
  await button.focus()
  await page.keyboard.press('Enter')
  const box = dialog(page, '转派')
  await box.getByRole('radio').first().waitFor()
  await accessible(page, 'handing over')
  await fits(page, 'handing over')
  is(await box.getByRole('radio').count(), 3, 'the colleagues of the own agency are offered')
  await box.getByRole('radio', { name: /demo_second/ }).focus()
  await page.keyboard.press('Space')
  await tabTo(page, '确定')
  await page.keyboard.press('Enter')
  await page.getByText(/已领取/).waitFor()
  await box.waitFor({ state: 'hidden' })
  is(await focused(page), '转派', 'the cursor is back on the button')
  await page.goto(`${url}/#/app/desk/queue`)
}

// The second officer: everything that waits, one of it refused.
async function secondReview() {
  const page = await as('demo_second', '/app/desk/queue')
  await line(page, 3).getByText('我', { exact: true }).waitFor()
  ok(true, 'the colleague holds what was handed over')
  await page.getByRole('button', { name: /待复审/ }).click()
  await line(page, 1).waitFor()
  await tick(page, 1, 2, 3)
  return page
}

await test(async () => {
  const manager = await firstReview()
  await opinionDemanded(manager)
  await refused(manager)
  await handOver(manager)
  const second = await secondReview()
  // meanwhile the manager claims one of them
  await tick(manager, 2)
  await manager.getByRole('toolbar').getByRole('button', { name: '领取' }).click()
  await line(manager, 2).getByText('我', { exact: true }).waitFor()
  await decide(second, '复审通过', '同意')
  const result = dialog(second, '复审通过结果')
  like(await result.innerText(), /成功 2 份，失败 1 份/, 'two are approved, the one that a colleague holds is refused')
  like(await result.getByRole('row').filter({ hasText: '2026000002' }).innerText(), /失败/, 'and the result says which')
  is(await result.locator('tbody tr').first().getByText('失败').count(), 1, 'what failed stands first')
  await second.setViewportSize({ width: 360, height: 780 })
  await fits(second, 'results at 360 px')
  await close(second, '复审通过结果')
})
