import { accessible, fits, like, ok, open, test } from './lib.mjs'

await test(async () => {
  for (const width of [1440, 360]) {
    const page = await open('/', { width })
    await page.locator('#app').waitFor()
    await page.locator('h1, header').first().waitFor()
    like(await page.title(), /单一窗口|许可证/, `the portal's home opens at ${width} px`)
    ok(await page.evaluate(() => typeof WebAssembly === 'object'), 'WebAssembly is there')
    await fits(page, `home at ${width} px`)
    await accessible(page, `home at ${width} px`)
  }
})
