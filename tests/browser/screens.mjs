// Every screen at 1440 px and at 360 px: it opens without an error, nothing sticks out, axe finds nothing. With SW_SCREENS=<folder>
// each is also kept as a picture, to be looked at.
import { accessible, fits, idle, ok, open, test, url } from './lib.mjs'
import { as } from './steps.mjs'

const keep = process.env.SW_SCREENS
const [draft, printed] = (process.env.SW_DOCUMENTS ?? '').split(',')

const screens = {
  nobody: ['/', '/sign-in', '/register', '/recover/password', '/recover/name', '/articles/notice', '/articles/faq', '/verify', '/developers', '/nowhere'],
  demo_admin: ['/', '/app/me/profile', '/app/me/password', '/app/me/keys', '/app/me/enterprise', '/app/me/filings', '/app/me/operators', '/app/me/api', '/app/export/list/export_licence', '/app/export/new/export_licence',
    `/app/export/doc/export_licence/${draft}`, `/app/export/doc/export_licence/${printed}`, '/app/export/query/export_licence/history', '/app/export/query/export_licence/customs',
    '/app/export/write-offs/export_licence', '/app/export/statistics/export_licence', '/app/export/changes/export_licence', '/app/export/push',
    ...['own/mep_registration', 'new/mep_licence', 'list/mep_licence', 'query/mep_licence/customs', 'query/mep_licence/balance', 'write-offs/mep_licence', 'statistics/mep_licence', 'catalogue/mep_licence/goods'].map((path) => `/app/mep/${path}`),
    ...['own/bulk_registration', 'new/nonmep_licence', 'list/nonmep_licence', 'query/nonmep_licence/history', 'query/nonmep_licence/balance', 'write-offs/nonmep_licence', 'monthly/nonmep_licence'].map((path) => `/app/nonmep/${path}`),
    ...['own/origin_registration', 'new/certificate_of_origin', 'list/certificate_of_origin', 'list/certificate_of_origin/void', 'list/goods_filing', 'list/filed_goods', 'list/origin_exporter', 'fetches', 'statistics/certificate_of_origin'].map((path) => `/app/origin/${path}`)],
  demo_ccpit: ['/app/desk/queue', '/app/desk/licences/origin'],
  demo_first: ['/app/desk/queue', `/app/desk/doc/export/${printed}`],
  demo_customs: ['/'],
  demo_manager: ['/app/desk/licences/export', '/app/desk/statistics/export/export_licence', '/app/desk/licences/nonmep', '/app/desk/monthly/nonmep/nonmep_licence', `/app/desk/doc/export/${printed}`],
  demo_portal: ['officers', 'enterprises', 'partners', 'articles', 'codes', 'series', 'mailbox', 'unknown', 'audit', 'bound', 'deliveries'].map((name) => `/app/admin/${name}`).concat('/', '/app/export/statistics/export_licence'),
}

async function look(page, who, path, width) {
  await page.goto(`${url}/#${path}`)
  await page.locator('h1, h2, main').first().waitFor()
  await idle(page)
  await page.waitForFunction(() => !/正在加载/.test(document.querySelector('#main')?.innerText ?? ''))
  await page.waitForTimeout(150)
  const name = `${path} (${who}) at ${width} px`
  ok(!(await page.getByText(/出错了|加载失败|无法加载/).count()), `${name} opens`)
  await fits(page, name)
  await accessible(page, name)
  if (keep) await page.screenshot({ path: `${keep}/${width}${path.replaceAll('/', '_')}-${who}.png`, fullPage: true })
}

await test(async () => {
  for (const [who, paths] of Object.entries(screens)) {
    const page = who === 'nobody' ? await open('/') : await as(who)
    for (const width of [1440, 360]) {
      await page.setViewportSize({ width, height: width === 360 ? 780 : 900 })
      for (const path of paths) await look(page, who, path, width)
    }
    await page.context().close()
  }
  const english = await as('demo_admin', '/app/export/new/export_licence')
  await english.getByRole('button', { name: 'English' }).click()
  await english.getByText('Pre-application').first().waitFor()
  ok(true, 'the second language is English')
  await accessible(english, 'pre-application in English')
})
