/** How the page comes to its server, and what it says when that is gone. */
import { expect, test } from 'bun:test'
import { labPage } from '../support/browser.ts'

const lab = labPage()

/** A server that does not answer is told by the browser as well: that is what these tests are about. */
const forgive = (): void => {
  const others = lab.complaints.filter(text => !text.includes('Failed to load resource'))
  lab.complaints.splice(0, lab.complaints.length, ...others)
}

test('the token is gone from the address, and the link works once', async () => {
  const url = await lab.link()
  const first = await lab.browser().newContext()
  const page = await first.newPage()
  await page.goto(url)
  await page.waitForSelector('main h1')
  expect(page.url()).toMatch(/#\/topology$/)
  const second = await lab.browser().newContext()
  const other = await second.newPage()
  await other.goto(url)
  await other.getByRole('heading', { name: 'This page has no permission to ask the server' }).waitFor()
  await first.close()
  await second.close()
})

test('the link’s language is that of the page', async () => {
  const page = await (await lab.browser().newContext({ locale: 'en-US' })).newPage()
  await page.goto((await lab.link()).replace('/#', '/?lang=zh#'))
  await page.getByRole('heading', { name: '拓扑' }).waitFor()
  expect(page.url()).toMatch(/\d\/#\/topology$/)
  await page.context().close()
})

test('a stream that breaks is opened again, and what is shown stays until then', async () => {
  const context = await lab.browser().newContext({ locale: 'en-US' })
  const page = await context.newPage()
  await page.route('**/api/events', route => route.abort())
  await page.goto(await lab.link())
  await page.getByText('Connection lost: trying again').waitFor()
  await page.unroute('**/api/events')
  await page.locator('.connection.connected').waitFor()
  await page
    .locator('.drawing')
    .getByRole('button', { name: /^Space myspace/ })
    .waitFor()
  await context.close()
})

test('a page of which the server has ended says so, and keeps what it knew', async () => {
  const page = await lab.open('topology')
  const space = page.locator('.drawing').getByRole('button', { name: /^Space myspace/ })
  await space.waitFor()
  await lab.end()
  await page.getByRole('alert').getByText('The server has ended').waitFor()
  await page.locator('.connection.ended').waitFor()
  expect(await space.count()).toBe(1)
  await page.context().close()
  forgive()
})
