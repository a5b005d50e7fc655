/** `natspace ui` on a host, without --allow-changes: the page looks, and has no button that does more. */
import { expect, test } from 'bun:test'
import { ask, labPage } from '../support/browser.ts'

const host = labPage([])

test('an empty host says how to begin', async () => {
  const page = await host.open('topology')
  await page.getByText('No space is up.').waitFor()
  await page.getByText('sudo natspace up myspace').waitFor()
  await page.getByText('read-only', { exact: true }).waitFor()
  expect(await page.getByRole('navigation').getByRole('link', { name: 'Lesson' }).count()).toBe(0)
  await page.context().close()
})

test('a plan can be made and not carried out, neither by a button nor past it', async () => {
  const page = await host.open('plan')
  const editor = page.getByRole('textbox', { name: 'Spec file, YAML' })
  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('spaces:\n  web: {}\n')
  await page.getByRole('heading', { name: /^\d+ operations$/ }).waitFor()
  await page.getByText('The page changes nothing.').waitFor()
  expect(await page.getByRole('button', { name: 'Apply' }).count()).toBe(0)
  const refused = await ask(page, 'POST', '/api/apply', { text: 'spaces:\n  web: {}\n' }).catch(String)
  expect(refused).toContain('403')
  const { nodes } = (await ask(page, 'GET', '/api/topology')) as { nodes: { kind: string }[] }
  expect(nodes.filter(({ kind }) => kind === 'space')).toEqual([])
  // What the browser says about the refusal is meant.
  host.complaints.splice(0, host.complaints.length, ...host.complaints.filter(text => !text.includes('403')))
  await page.context().close()
})
