// Test::More for browser tests: TAP on standard output, one Chromium, screenshots of what failed.
// The instance under test is in the environment (tests/lib/SingleWindow/Browser.pm sets it); see tests/README.md.
import { mkdirSync, readFileSync, writeFileSync, renameSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { basename } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { chromium } from 'playwright-core'
import { AxeBuilder } from '@axe-core/playwright'

export const url = process.env.SW_URL
export const variables = process.env.SW_VAR
const program = basename(process.argv[1], '.mjs')
const failures = new URL('./failures/', import.meta.url).pathname

let run = 0
let failed = 0
const pages = []
const say = (text) => process.stdout.write(text + '\n')
export const diag = (text) => process.stderr.write(String(text).replace(/^/gm, '# ') + '\n')

// ---- checks: each returns whether it held ----

let shots = Promise.resolve()
export function ok(good, name) {
  say(`${good ? 'ok' : 'not ok'} ${++run} - ${String(name).replace(/[\n#]/g, ' ')}`)
  if (!good) {
    failed++
    const where = new Error().stack.split('\n').find((line) => line.includes(program + '.mjs'))
    diag(`failed${where ? ' ' + where.trim() : ''}`)
    const number = run
    shots = shots.then(() => screenshots(`${program}-${number}`))
  }
  return Boolean(good)
}
export function is(got, want, name) {
  const good = isDeepStrictEqual(got, want)
  ok(good, name)
  if (!good) diag(`     got: ${JSON.stringify(got)}\nexpected: ${JSON.stringify(want)}`)
  return good
}
export function like(text, pattern, name) {
  const good = pattern.test(String(text))
  ok(good, name)
  if (!good) diag(`     got: ${JSON.stringify(String(text).slice(0, 2000))}\nno match: ${pattern}`)
  return good
}
export const note = (text) => say(`# ${text}`)

// ---- the browser ----

let chrome
export async function browser() {
  chrome ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
  })
  return chrome
}

// A page of its own context: nobody is signed in there. Errors of the page fail the test, unless `errors: false`.
export async function open(path = '/', options = {}) {
  const { errors = true, width = 1440, height = 900, ...more } = options
  const context = await (await browser()).newContext({
    viewport: { width, height }, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', acceptDownloads: true,
    reducedMotion: 'reduce', ...more, // colours are looked at when they have arrived, not on the way
  })
  context.setDefaultTimeout(15000)
  const page = await context.newPage()
  pages.push(page)
  page.on('close', () => pages.splice(pages.indexOf(page), 1))
  watch(page)
  if (errors) {
    page.on('pageerror', (error) => ok(false, `no error in the page: ${error.message}`))
    // answers of 4xx are part of normal work and logged by Chromium as errors, too
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
        ok(false, `no error on the console: ${message.text()}`)
    })
  }
  await page.goto(url + path)
  return page
}

// ---- requests under way; not the stream of changes and its worker, which are never over ----

const asking = new WeakMap()
function watch(page) {
  const now = { open: new Map(), since: Date.now() }
  asking.set(page, now)
  const over = (request) => { now.open.delete(request); now.since = Date.now() }
  page.on('request', (request) => { if (request.resourceType() !== 'eventsource' && !/\/worker-/.test(request.url())) { now.open.set(request, Date.now()); now.since = Date.now() } })
  page.on('requestfinished', over)
  page.on('requestfailed', over)
}

const GIVEN_UP = 6000 // of a request that the page has given up the browser does not always say that it is over

// Nothing has been asked for half a second.
export async function idle(page, seconds = 30) {
  const now = asking.get(page), end = Date.now() + seconds * 1000
  const waits = () => [...now.open].filter(([, begun]) => Date.now() - begun < GIVEN_UP).map(([request]) => request.url())
  while (waits().length || Date.now() - now.since < 500) {
    if (Date.now() > end) throw new Error(`still asking: ${waits().join(' ')}`)
    await page.waitForTimeout(50)
  }
}

async function screenshots(name) {
  mkdirSync(failures, { recursive: true })
  for (const [number, page] of pages.entries()) {
    const file = `${failures}${name}-${number}.png`
    await page.screenshot({ path: file, timeout: 5000 }).then(() => diag(`screenshot: ${file}`), () => {})
  }
}

// Nothing that axe finds, by the rules of WCAG 2.2 AA (legacy mode: no page of its own for each report, and ours has no frames); `exclude` is a list of selectors, each needs a reason where it is used.
export async function accessible(page, name, { exclude = [] } = {}) {
  let builder = new AxeBuilder({ page }).setLegacyMode(true).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
  for (const selector of exclude) builder = builder.exclude(selector)
  const { violations } = await builder.analyze()
  ok(violations.length === 0, `axe finds nothing: ${name}`)
  for (const one of violations) diag(`${one.id}: ${one.help}\n${one.nodes.slice(0, 5).map((node) => `  ${node.html}\n  ${node.failureSummary}`).join('\n')}`)
}

// No sideways scrolling: what 360 px is looked at for.
export async function fits(page, name) {
  // a page that has just become narrow hears of it in steps, and may look right for a moment between two of them
  let wide
  for (let calm = 0, tries = 0; calm < 3 && tries < 100; tries++) {
    wide = await page.evaluate((width) => Math.max(document.documentElement.scrollWidth, innerWidth) - width, page.viewportSize().width)
    calm = wide ? 0 : calm + 1
    await page.waitForTimeout(50)
  }
  if (is(wide, 0, `nothing sticks out to the side: ${name}`)) return
  diag(await page.evaluate(() => [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    // what scrolls inside its own box sticks out of nothing
    .filter((element) => { for (let box = element.parentElement; box; box = box.parentElement) if (getComputedStyle(box).overflowX !== 'visible') return false; return true })
    .slice(0, 12).map((element) => `${element.tagName} ${element.className} ${Math.round(element.getBoundingClientRect().right)}`).join('\n')))
}

// ---- the instance ----

export const accounts = () => Object.fromEntries(readFileSync(`${variables}/demo-accounts.txt`, 'utf8').split('\n')
  .filter((line) => line.trim() && !line.startsWith('#')).map((line) => line.trim().split(/\s+/).slice(0, 2)))

export function clock(iso) {
  const file = process.env.SW_CLOCK
  writeFileSync(`${file}.new`, `${Date.parse(iso)}\n`)
  renameSync(`${file}.new`, file)
}

export const pdfText = (file) => execFileSync('pdftotext', ['-layout', file, '-'], { encoding: 'utf8' })

// The texts of the QR codes on a page of a PDF.
export function qrCodes(file, page = 1) {
  execFileSync('pdftoppm', ['-r', '200', '-f', String(page), '-l', String(page), '-png', '-singlefile', file, `${file}.page`])
  try {
    return execFileSync('zbarimg', ['--quiet', '--raw', `${file}.page.png`], { encoding: 'utf8' }).trim().split('\n')
  } catch {
    return []
  }
}

// ---- the frame: test(async () => {...}) is the whole program ----

export async function test(body) {
  try {
    await body()
  } catch (error) {
    ok(false, `no exception: ${error.message.split('\n')[0]}`)
    diag(error.stack)
  }
  await shots
  await chrome?.close()
  say(`1..${run}`)
  process.exitCode = failed ? 1 : 0
}
