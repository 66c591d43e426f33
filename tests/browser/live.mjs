// What happens in one page shows in the others without reloading: 2026000001 and 2 are drafts, 3 and 4 wait for the first review.
import { is, ok, test } from './lib.mjs'
import { as, field, look } from './steps.mjs'

const line = (page, number) => page.locator('tbody').getByRole('row').filter({ hasText: `202600000${number}` })
const shows = (page, number, words) => line(page, number).getByText(words).waitFor()

/** An action of the page's own user by the interface, as another tab of the same person would do it. */
const act = (page, id, action, opinion) => page.evaluate(async ([document, name, words]) => {
  const { csrf } = await (await fetch('/api/account/session')).json()
  const answer = await fetch(`/api/export/documents/${document}/actions/${name}`, { method: 'POST', body: JSON.stringify(words ? { opinion: words } : {}),
    headers: { 'X-CSRF-Token': csrf, 'If-Match': '*', 'Content-Type': 'application/json' } })
  return answer.status
}, [id, action, opinion])

/** What a screen reader would have been given to say since then, politely or at once. */
function watchStatus(page) {
  const begun = page.evaluate(() => {
    window.said = []
    new MutationObserver(changes => {
      for (const { target } of changes) {
        const region = (target.nodeType === 1 ? target : target.parentElement)?.closest('[role=status], [role=alert], [aria-live]:not([aria-live=off])')
        if (region && region.innerText.trim() && window.said[window.said.length - 1] !== region.textContent.trim()) window.said.push(region.textContent.trim())
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  return async () => { await begun; return page.evaluate(() => window.said) }
}

await test(async () => {
  const list = await as('demo_admin', '/app/export/list/export_licence')
  await line(list, 4).waitFor()
  const ids = await list.evaluate(async () => Object.fromEntries((await (await fetch('/api/export/documents?form=export_licence')).json()).items.map(item => [item.application_no.slice(-1), item.id])))
  const desk = await as('demo_first', '/app/desk/queue')
  await line(desk, 3).waitFor()
  const waiting = desk.getByRole('button', { name: /待初审/ }).locator('strong')
  is(await waiting.innerText(), '2', 'two wait on the desk')

  // the list and the desk
  await line(list, 2).getByRole('checkbox').check()
  await list.getByRole('textbox').first().fill('typed, not asked for')
  const said = watchStatus(list)
  await list.setViewportSize({ width: 1440, height: 400 })
  await line(list, 3).getByRole('link').focus()
  await list.evaluate(() => scrollTo(0, 120))
  await line(desk, 3).getByRole('link').focus()
  is(await act(desk, ids[3], 'first_pass', '同意'), 200, 'an officer passes one')
  await shows(list, 3, '待复审')
  ok(true, 'the open list shows it without reloading')
  ok(await line(list, 3).evaluate(row => row.classList.contains('changed')), 'its row is marked')
  ok(await line(list, 2).getByRole('checkbox').isChecked(), 'ticks stay')
  is(await list.getByRole('textbox').first().inputValue(), 'typed, not asked for', 'so does what is typed into a filter')
  ok(await line(list, 3).getByRole('link').evaluate((link) => link === document.activeElement), 'so does the cursor')
  is(await list.evaluate(() => scrollY), 120, 'and the place that is in sight')
  is((await said()).filter(text => /^已更新/.test(text)), ['已更新：2026000003 待复审'], 'who does not see it is told, once, in few words')
  await list.setViewportSize({ width: 1440, height: 900 })
  is(await line(list, 1).count(), 1, 'which does not narrow the list until somebody searches')
  await desk.getByRole('button', { name: /待初审/ }).locator('strong', { hasText: '1' }).waitFor()
  ok(true, 'the count on the desk goes down')
  await line(desk, 3).waitFor({ state: 'detached' })
  ok(await desk.waitForFunction(() => document.activeElement?.matches('.table-box')), 'the row with the cursor is gone; the cursor stays with the table')

  // a form that nobody is typing into
  const form = await as('demo_admin', `/app/export/doc/export_licence/${ids[1]}`)
  await field(form, 'base/contract_no').waitFor()
  await form.locator('[data-path$="/spec"] input').first().focus()
  is(await act(list, ids[1], 'submit'), 200, 'submitted in another page')
  await form.locator('.tag:visible', { hasText: '待初审' }).first().waitFor()
  ok(true, 'the open form shows its new state')
  await form.getByRole('status').filter({ hasText: '单据状态已变为“待初审”' }).waitFor()
  ok(await form.waitForFunction((path) => document.activeElement?.closest('[data-path]')?.dataset.path.endsWith(path), 'spec'), 'tells it, and the cursor stays in its row')
  await shows(desk, 1, '2026000001')
  ok(true, 'and the desk has one more')

  // one with unsaved input
  const typing = await as('demo_admin', `/app/export/doc/export_licence/${ids[2]}`)
  const number = field(typing, 'base/contract_no').getByRole('textbox')
  await number.fill('KEPT-1')
  is(await act(list, ids[2], 'submit'), 200, 'submitted while somebody is typing')
  const notice = typing.getByRole('alert').filter({ hasText: '状态已变为“待初审”' })
  await notice.waitFor()
  is(await number.inputValue(), 'KEPT-1', 'what was typed stays')
  await look(typing, 'overtaken')
  await notice.getByRole('button', { name: /载入最新内容/ }).click()
  await notice.waitFor({ state: 'hidden' })
  await typing.locator('.tag:visible', { hasText: '待初审' }).first().waitFor()
  ok(true, 'until it is given up')

  // the officer's page
  const review = await as('demo_first', `/app/desk/doc/export/${ids[4]}`)
  await review.getByRole('textbox').first().fill('正在写的意见')
  is(await act(list, ids[4], 'withdraw'), 200, 'the applicant withdraws')
  await review.locator('.tag:visible', { hasText: /撤/ }).first().waitFor()
  ok(true, 'the open review shows it')
  is(await review.getByRole('textbox').first().inputValue(), '正在写的意见', 'the opinion that is being written stays')
  await review.getByRole('status').filter({ hasText: '单据状态已变为' }).waitFor()
  ok(true, 'and the change is told')
})
