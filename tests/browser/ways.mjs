import { fits, idle, is, ok, open, test, url } from './lib.mjs'
import { as } from './steps.mjs'

const REFUSED = /没有权限|没有找到|出现问题|服务暂时不可用|Not permitted|Not found/

// Follows every link of the home page's cards and tiles, then every entry of the menu that comes with it.
async function follow(page, who) {
  await page.goto(`${url}/#/`)
  await page.locator('.hero .card').waitFor()
  await idle(page)
  const links = await page.locator('.tile, .desk').evaluateAll((all) => all.map((link) => link.getAttribute('href')))
  for (const link of links) {
    await page.goto(`${url}/${link}`)
    await idle(page)
    const entries = await page.locator('nav.menu a').evaluateAll((all) => all.map((entry) => entry.getAttribute('href')))
    for (const entry of [link, ...entries]) {
      await page.goto(`${url}/${entry}`)
      await page.locator('h1').first().waitFor({ state: 'attached' })
      await idle(page)
      is(REFUSED.exec(await page.locator('#main').innerText())?.[0], undefined, `${entry} opens for ${who}`)
    }
  }
  return links.length
}

async function english(page) {
  await page.goto(`${url}/#/app/desk/queue`)
  await page.locator('tbody').getByRole('link').first().click()
  await page.getByRole('button', { name: 'English' }).click()
  await page.getByRole('button', { name: 'Pass first review' }).waitFor()
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: 800 })
    await fits(page, `review in English at ${width} px`)
  }
  const left = await page.locator('nav.menu, .strip, .decide, .head button').allInnerTexts()
  is(/[\u4e00-\u9fff]+/.exec(left.join(' '))?.[0], undefined, 'no Chinese words of the page are left')
}

await test(async () => {
  for (const [who, most] of [['demo_admin', 5], ['demo_operator', 4], ['demo_person', 4], ['demo_first', 5], ['demo_manager', 5], ['demo_portal', 5], ['demo_customs', 1]]) {
    const page = await as(who)
    is(await follow(page, who), most, `the home page offers ${who} what is theirs`)
    if (who === 'demo_first') await english(page)
    await page.context().close()
  }
  const nobody = await open('/')
  await nobody.locator('.tile').first().click()
  await nobody.getByText('请先登录').waitFor()
  ok(true, 'who is not signed in is asked to')
})
