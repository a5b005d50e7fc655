/** The picture of the lab in a real browser: what is drawn is what is there. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { labPage, overhang, picture } from '../support/browser.ts'

const lab = labPage()

test('the article’s picture: names and addresses of both ends, the LAN and host2', async () => {
  const page = await lab.open('topology')
  const node = (name: RegExp) => page.locator('.drawing').getByRole('button', { name })
  await node(/^Space myspace, .*cable veth2 192\.168\.45\.3\/24 to veth1 192\.168\.45\.2\/24/).waitFor()
  await node(/^Host host1/).waitFor()
  await node(/^Uplink eth0, .*192\.168\.1\.32\/24/).waitFor()
  await node(/^Network 192\.168\.1\.0\/24/).waitFor()
  await node(/^Neighbour host2.*192\.168\.1\.15\/24/).waitFor()
  const drawn = await page.locator('.drawing svg text').allTextContents()
  for (const text of ['veth1', '192.168.45.2/24', 'veth2', '192.168.45.3/24', 'eth0', '192.168.1.32/24'])
    expect(drawn).toContain(text)
  await picture(page, 'topology-light')
  await page.context().close()
})

test('a node tells its details, and gives the focus back', async () => {
  const page = await lab.open('topology', { colorScheme: 'dark' })
  const space = page.locator('.drawing').getByRole('button', { name: /^Space myspace/ })
  await space.click()
  const details = page.getByRole('complementary')
  await details.getByText('default via 192.168.45.2').first().waitFor()
  await details.getByText('192.168.45.0/24').first().waitFor()
  expect(
    await details.getByRole('heading', { level: 2 }).evaluate(one => one === document.activeElement),
  ).toBe(true)
  // The nine steps of the article, each with its commands.
  const steps = details.locator('.steps details')
  expect(await steps.count()).toBeGreaterThanOrEqual(9)
  await steps.first().locator('summary').click()
  await steps
    .first()
    .getByText(/ip netns add myspace/)
    .waitFor()
  await picture(page, 'topology-dark')
  await page.keyboard.press('Escape')
  await details.waitFor({ state: 'detached' })
  expect(await space.evaluate(one => one === document.activeElement)).toBe(true)
  await page.context().close()
})

test('packets that go are seen on their cable', async () => {
  const page = await lab.open('topology')
  const ping = page.evaluate(`(async () => {
    for (let n = 0; n < 8; n++)
      await fetch('/api/walks', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ space: 'myspace', to: '192.168.1.15', timeout: 1000 }),
      }).then(answer => answer.text())
  })()`)
  await page
    .locator('.drawing svg text', { hasText: /^↑\d+ ↓\d+\/s$/ })
    .first()
    .waitFor()
  await page.locator('.drawing .flow').first().waitFor({ state: 'attached' })
  await ping
  await page.context().close()
})

test('who wants no motion has no moving dots', async () => {
  const page = await lab.open('topology', { reducedMotion: 'reduce' })
  const moving = await page.evaluate('document.getAnimations().length')
  expect(moving).toBe(0)
  await page.context().close()
})

test('the exported SVG stands alone, and holds what the screen shows', async () => {
  const page = await lab.open('topology')
  await page
    .locator('.drawing')
    .getByRole('button', { name: /^Space myspace/ })
    .waitFor()
  const waiting = page.waitForEvent('download')
  await page.getByRole('button', { name: 'SVG' }).click()
  const download = await waiting
  expect(download.suggestedFilename()).toBe('natspace-host1.svg')
  const svg = readFileSync(await download.path(), 'utf8')
  for (const text of ['myspace', 'veth1', '192.168.45.2/24', 'host2'])
    expect(svg).toContain(`>${text}</text>`)
  expect(svg).not.toMatch(/<script|<style|href|url\(|var\(/)
  // A browser that knows nothing of the page draws it.
  const plain = await (await lab.browser().newContext()).newPage()
  await plain.setContent(svg)
  const box = await plain.locator('svg').boundingBox()
  expect(box?.width).toBeGreaterThan(400)
  await plain.context().close()
  await page.context().close()
})

test('from a telephone to a wall: nothing sticks out, and the picture is as large as there is room', async () => {
  for (const [name, width, height] of [
    ['360', 360, 740],
    ['1280', 1280, 800],
    ['4k', 3840, 2160],
  ] as const) {
    const page = await lab.open('topology', { viewport: { width, height } })
    const chassis = page.locator('.drawing svg > g').first()
    await chassis.waitFor()
    expect(await overhang(page)).toBe(0)
    const drawing = await page.locator('.drawing').boundingBox()
    const texts = await page.locator('.drawing svg text').first().boundingBox()
    expect(drawing?.width).toBeGreaterThan(width * 0.85)
    // Not smaller than can be read, or enlarged.
    expect(texts?.height).toBeGreaterThan(6)
    if (name !== '1280') await picture(page, `topology-${name}`)
    await page.context().close()
  }
})

test('zoom and move, by wheel, button and key', async () => {
  const page = await lab.open('topology')
  const svg = page.locator('.drawing svg').first()
  const space = page.locator('.drawing').getByRole('button', { name: /^Space myspace/ })
  await space.waitFor()
  const seen = async () => (await svg.getAttribute('viewBox')) ?? ''
  const whole = await seen()
  const widthOf = (box: string) => Number(box.split(' ')[2])
  await page.getByRole('button', { name: 'Zoom in' }).click()
  expect(widthOf(await seen())).toBeLessThan(widthOf(whole))
  await page.getByRole('button', { name: 'The whole picture' }).click()
  expect(await seen()).toBe(whole)
  await space.focus()
  await page.keyboard.press('-')
  expect(widthOf(await seen())).toBeGreaterThan(widthOf(whole))
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('0')
  expect(await seen()).toBe(whole)
  await svg.hover()
  await page.mouse.wheel(0, -300)
  for (let tries = 0; (await seen()) === whole && tries < 100; tries++) await page.waitForTimeout(50)
  expect(widthOf(await seen())).toBeLessThan(widthOf(whole))
  await page.context().close()
})

test('the table has what the picture has', async () => {
  const page = await lab.open('topology')
  await page.getByText('As a table').click()
  const row = page.getByRole('row', { name: /myspace/ })
  await row.getByText('veth2 192.168.45.3/24').waitFor()
  await row.getByText('veth1 192.168.45.2/24').waitFor()
  await page.context().close()
})
