/** The plan's view: write, see, apply, take down. */
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { ask, labPage, overhang, picture } from '../support/browser.ts'

const lab = labPage()

/** Writes over all that stands in the editor. */
async function write(page: Page, text: string): Promise<void> {
  const editor = page.getByRole('textbox', { name: 'Spec file, YAML' })
  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText(text)
}

const editorText = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const host = document.querySelector('.editor .host')
    return [...(host?.shadowRoot?.querySelectorAll('.cm-line') ?? [])]
      .map(line => line.textContent)
      .join('\n')
  })

test('the editor begins with what is, which needs nothing to be done', async () => {
  const page = await lab.open('plan')
  await page.getByText('gateway: 192.168.45.2/24').waitFor()
  await page.getByRole('heading', { name: 'Nothing has to be done' }).waitFor()
  expect(await page.getByRole('button', { name: 'Apply' }).isDisabled()).toBe(true)
  await page.context().close()
})

test('the editor is styled although the policy forbids inline styles', async () => {
  const page = await lab.open('plan')
  const content = page.getByRole('textbox', { name: 'Spec file, YAML' })
  await content.waitFor()
  expect(await content.evaluate(one => getComputedStyle(one).whiteSpace)).toBe('break-spaces')
  const inline = await page.evaluate(
    () => document.querySelectorAll('style').length + document.querySelectorAll('script:not([src])').length,
  )
  expect(inline).toBe(0)
  await page.context().close()
})

test('keys and values are offered as the schema has them', async () => {
  const page = await lab.open('plan')
  await write(page, 'spaces:\n  web:\n    publ')
  await page.keyboard.press('Control+Space')
  const offer = page.getByRole('option', { name: 'publish' })
  await offer.waitFor()
  await page.getByText('Ports of the host that lead to ports of the space.').first().waitFor()
  await picture(page, 'plan-completion')
  await offer.click()
  for (let tries = 0; !(await editorText(page)).includes('publish: []') && tries < 100; tries++)
    await page.waitForTimeout(50)
  expect(await editorText(page)).toContain('    publish: []')
  await page.keyboard.press('Control+z')
  for (let tries = 0; (await editorText(page)).includes('publish') && tries < 100; tries++)
    await page.waitForTimeout(50)
  expect(await editorText(page)).toEndWith('    publ')
  await page.context().close()
})

test('a mistake is told with its place, and marked there', async () => {
  const page = await lab.open('plan')
  await write(page, 'spaces:\n  web:\n    wrong: 1\n')
  await page.getByText("cannot use key 'wrong'").first().waitFor()
  await page.getByRole('button', { name: 'line 3, column 5' }).click()
  await page.locator('.cm-lintRange-error').waitFor()
  expect(await page.getByRole('button', { name: 'Apply' }).isDisabled()).toBe(true)
  await page.context().close()
})

test('a plan is seen before anything is done, applied, and taken back', async () => {
  const page = await lab.open('plan')
  await write(page, 'spaces:\n  web:\n    gateway: 10.200.7.1/30\n    publish: ["9000:80"]\n')
  await page.getByRole('heading', { name: /^\d+ operations$/ }).waitFor()
  await page.getByText('ip netns add web').first().waitFor()
  await page.getByRole('group', { name: 'As it would be' }).getByText('10.200.7.1/30').waitFor()
  for (const [dialect, text] of [
    ['Shell', 'ip netns add web'],
    ['nft', 'add element inet natspace'],
    ['iptables', 'iptables'],
  ] as const) {
    await page.getByRole('tab', { name: dialect, exact: true }).click()
    await page.getByRole('tabpanel').getByText(text).first().waitFor()
  }
  await page.getByRole('tab', { name: 'Shell' }).click()
  await page.evaluate(() => scrollTo(0, 0))
  await picture(page, 'plan-light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await picture(page, 'plan-dark')
  await page.emulateMedia({ colorScheme: 'light' })

  const spaces = async () => {
    const { nodes } = (await ask(page, 'GET', '/api/topology')) as { nodes: { id: string }[] }
    return nodes.map(({ id }) => id).filter(id => id.startsWith('space:'))
  }
  expect(await spaces()).toEqual(['space:myspace'])
  await page.getByRole('button', { name: 'Apply' }).click()
  const dialog = page.getByRole('dialog', { name: 'Apply this plan?' })
  await dialog.getByText('Spaces: web').waitFor()
  await picture(page, 'plan-confirm')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  expect(await spaces()).toEqual(['space:myspace'])
  await page.getByRole('button', { name: 'Apply' }).click()
  await dialog.getByRole('button', { name: 'Apply' }).click()
  await page
    .getByText(/^Done: \d+ changes\.$/)
    .first()
    .waitFor()
  expect((await spaces()).toSorted()).toEqual(['space:myspace', 'space:web'])
  await page.getByRole('heading', { name: 'Nothing has to be done' }).waitFor()

  await page.getByRole('radio', { name: 'Take down' }).check()
  await page.getByRole('checkbox', { name: 'web' }).check()
  await page.getByText('ip netns delete web').or(page.getByText('ip netns del web')).first().waitFor()
  await page.getByRole('button', { name: 'Take down' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Take down' }).click()
  await page
    .getByText(/^Done: \d+ changes\.$/)
    .first()
    .waitFor()
  expect(await spaces()).toEqual(['space:myspace'])
  await page.context().close()
})

test('on a telephone the editor is above its plan', async () => {
  const page = await lab.open('plan', { viewport: { width: 360, height: 740 } })
  await page.getByText('gateway: 192.168.45.2/24').waitFor()
  await page.getByRole('heading', { name: 'Nothing has to be done' }).waitFor()
  expect(await overhang(page)).toBe(0)
  await picture(page, 'plan-360')
  await page.context().close()
})

test('the schema that the server hands out is that of the documentation', async () => {
  const page = await lab.open('plan')
  const served = await ask(page, 'GET', '/api/schema')
  const written: unknown = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../docs/spec.schema.json'), 'utf8'),
  )
  expect(served).toEqual(written)
  await page.context().close()
})
