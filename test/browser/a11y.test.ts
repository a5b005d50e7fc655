/** Every view, in both themes and both languages, before axe: no violation. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { ask, labPage } from '../support/browser.ts'

const lab = labPage()
const axe = readFileSync(join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong, a line each. WCAG 2.2 A and AA, and its best practices. */
async function violations(page: Page): Promise<string[]> {
  // As the debugger evaluates it, the page's policy does not forbid it.
  await page.evaluate(axe)
  const results = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as AxeResults
  expect(results.passes.length).toBeGreaterThan(10)
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
  )
}

/** What is done in a view before it is looked at, so that most of it is there. */
const prepare: Record<string, (page: Page) => Promise<unknown>> = {
  topology: async page => {
    await page.locator('.drawing [data-id="space:myspace"]').click()
    await page.locator('aside .steps details summary').first().click()
    await page
      .locator('details', { has: page.locator('summary') })
      .last()
      .waitFor()
    await page.locator('.below summary').click()
    await page.getByRole('row').nth(1).waitFor()
  },
  walk: async page => {
    await ask(page, 'POST', '/api/walks', { space: 'myspace', to: '192.168.1.15', timeout: 1000 })
    const [walk] = (await ask(page, 'GET', '/api/walks')) as { id: string }[]
    await page.evaluate(id => {
      location.hash = `#/walk/${id}`
    }, walk?.id)
    await page.locator('main .drawing').first().waitFor()
  },
  doctor: async page => {
    await page.locator('form button[type=submit]').click()
    await page.locator('details summary').last().click()
  },
  plan: async page => {
    await page.locator('.cm-content').waitFor()
    await page.locator('.results h2').first().waitFor()
  },
  lesson: async page => {
    await page.locator('main h1').waitFor()
  },
}

for (const [view, ready] of Object.entries(prepare)) {
  test(`${view}: nothing that axe finds wrong`, async () => {
    // A colour that is on its way to another is neither.
    const page = await lab.open(view, { reducedMotion: 'reduce' })
    await ready(page)
    expect(await violations(page)).toEqual([])
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.keyboard.press('l')
    await page.locator('html[lang=zh-Hans]').waitFor()
    expect(await violations(page)).toEqual([])
    await page.setViewportSize({ width: 360, height: 740 })
    expect(await violations(page)).toEqual([])
    await page.context().close()
  })
}

test('a dialog, and the help in it', async () => {
  const page = await lab.open('topology')
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
  expect(await violations(page)).toEqual([])
  await page.context().close()
})

test('a plan with operations, a mistake, and the question before it is applied', async () => {
  const page = await lab.open('plan')
  const editor = page.getByRole('textbox', { name: 'Spec file, YAML' })
  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('spaces:\n  web:\n    wrong: 1\n')
  await page.locator('.mistake').waitFor()
  expect(await violations(page)).toEqual([])
  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('spaces:\n  web: {}\n')
  await page.getByRole('tab', { name: 'nft' }).waitFor()
  expect(await violations(page)).toEqual([])
  await page.getByRole('button', { name: 'Apply' }).click()
  await page.getByRole('dialog').waitFor()
  expect(await violations(page)).toEqual([])
  await page.context().close()
})
