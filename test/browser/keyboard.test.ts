/** All of the page by the keyboard alone. */
import { expect, test } from 'bun:test'
import type { Page } from 'playwright-core'
import { labPage } from '../support/browser.ts'

const lab = labPage()

/** What has the focus, by its name as a screen reader has it. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const { activeElement: one } = document
    return one?.getAttribute('aria-label') ?? one?.textContent?.trim() ?? ''
  })

/** Presses a key until the focus is on what bears this name. */
async function until(page: Page, key: string, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if (name.test(await focused(page))) return
    await page.keyboard.press(key)
  }
  throw new Error(`${key} does not come to ${name}: at ${await focused(page)}`)
}

test('the first Tab is the way past the frame', async () => {
  const page = await lab.open('topology')
  await page.keyboard.press('Tab')
  expect(await focused(page)).toBe('Skip to the content')
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('MAIN')
  await page.context().close()
})

test('a view by its digit: the focus is on its heading, and the title names it', async () => {
  const page = await lab.open('topology')
  for (const [digit, name] of [
    ['2', 'Walk'],
    ['3', 'Doctor'],
    ['4', 'Plan'],
    ['5', 'Lesson'],
    ['1', 'Topology'],
  ] as const) {
    await page.keyboard.press(digit)
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1')
    await page.waitForFunction(wanted => document.title.startsWith(wanted), name)
    expect(await page.locator('nav a[aria-current=page]').textContent()).toContain(name)
  }
  await page.context().close()
})

test('through the picture by Tab, into the details and out again', async () => {
  const page = await lab.open('topology')
  await page.locator('.drawing [data-id="space:myspace"]').waitFor()
  await until(page, 'Tab', /^Space myspace/)
  await page.keyboard.press('Tab')
  expect(await focused(page)).toMatch(/^Host host1/)
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('complementary').getByText('default via 192.168.45.2').first().waitFor()
  await until(page, 'Tab', /^1?create the namespace/)
  await page.keyboard.press('Enter')
  await page.getByText('ip netns add myspace').first().waitFor()
  await page.keyboard.press('Escape')
  expect(await focused(page)).toMatch(/^Space myspace/)
  await page.context().close()
})

test('help, theme and language by their keys; a dialog keeps the focus and gives it back', async () => {
  const page = await lab.open('topology')
  await page.keyboard.press('t')
  await page.locator('html[data-theme=light]').waitFor()
  await page.keyboard.press('t')
  await page.locator('html[data-theme=dark]').waitFor()
  expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(15, 17, 22)')
  await page.keyboard.press('l')
  await page.getByRole('heading', { name: '拓扑' }).waitFor()
  await page.keyboard.press('l')
  await until(page, 'Tab', /^Keyboard shortcuts/)
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog')
  await dialog.waitFor()
  for (let presses = 0; presses < 5; presses++) {
    await page.keyboard.press('Tab')
    const outside = await page.evaluate(() => {
      const { activeElement: one } = document
      return one !== document.body && one?.closest('dialog') === null
    })
    expect(outside).toBe(false)
  }
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  expect(await focused(page)).toBe('Keyboard shortcuts')
  // The choice outlives the visit.
  await page.reload()
  await page.locator('html[data-theme=dark]').waitFor()
  await page.context().close()
})

test('who types is no victim of shortcuts, and the editor is no trap', async () => {
  const page = await lab.open('plan')
  const editor = page.getByRole('textbox', { name: 'Spec file, YAML' })
  await editor.click()
  await page.keyboard.press('Control+End')
  await page.keyboard.type('# 1 t l ?')
  await page.getByText('# 1 t l ?').waitFor()
  expect(page.url()).toMatch(/#\/plan$/)
  expect(await page.locator('dialog').count()).toBe(0)
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.shadowRoot === null)).toBe(true)
  await page.context().close()
})
