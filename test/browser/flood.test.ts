/** Far more events than anybody can read: the page stays usable. */
import { expect, test } from 'bun:test'
import type { ServerEvent, Topology } from '../../src/server/protocol.ts'
import { ask, labPage } from '../support/browser.ts'

const lab = labPage()

/** A burst, told again and again, as the stream ends after it and is opened anew. */
const events = 10_000
/** What stands still for so long is frozen. Two cores that run other tests as well take a second. */
const frozen = 4000

const burst = (topology: Topology): string => {
  const follow = { id: 'f', space: 'myspace', seen: 0 }
  const walks = Array.from(
    { length: events },
    (_, index): ServerEvent => ({
      type: 'walk',
      follow: 'f',
      walk: {
        id: `w${index}`,
        time: topology.time + index,
        space: 'myspace',
        direction: 'out',
        protocol: 'udp',
        title: `192.168.45.3:${index} → 192.168.1.15:53 <script>\u001b[31m`,
        outcome: 'dropped',
        reason: 'policy',
      },
    }),
  )
  const all: ServerEvent[] = [
    { type: 'snapshot', topology, walks: [], follows: [follow] },
    ...walks,
    { type: 'sampled', follow: 'f', shown: events, seen: 12 * events },
  ]
  return all.map(event => `data: ${JSON.stringify(event)}\n\n`).join('')
}

test('ten thousand events in a burst do not freeze the page', async () => {
  const known = await lab.open('topology')
  const body = burst((await ask(known, 'GET', '/api/topology')) as Topology)
  await known.context().close()

  const context = await lab.browser().newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } })
  const page = await context.newPage()
  const dialogs: string[] = []
  page.on('dialog', dialog => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  // The longest time between two pictures.
  await page.addInitScript(() => {
    let last = performance.now()
    const look = (now: number): void => {
      document.documentElement.dataset.gap = String(
        Math.max(Number(document.documentElement.dataset.gap ?? 0), now - last),
      )
      last = now
      requestAnimationFrame(look)
    }
    document.addEventListener('DOMContentLoaded', () => requestAnimationFrame(look))
  })
  let bursts = 0
  await page.route('**/api/events', route => {
    bursts++
    return route.fulfill({ contentType: 'text/event-stream', body })
  })
  await page.goto(await lab.link())
  await page
    .locator('.drawing')
    .getByRole('button', { name: /^Space myspace/ })
    .waitFor()
  await page.getByRole('link', { name: 'Walk' }).click()
  // What comes in is text, whatever it holds.
  await page.getByText('<script>\\x1b[31m').first().waitFor()
  for (let tries = 0; bursts < 3 && tries < 200; tries++) await page.waitForTimeout(100)
  expect(bursts).toBeGreaterThanOrEqual(3)
  const gap = await page.evaluate(() => Number(document.documentElement.dataset.gap))
  const parts = await page.evaluate(() => document.querySelectorAll('*').length)
  console.log(`${bursts} bursts of ${events} events: the longest standstill was ${Math.round(gap)} ms`)
  expect(gap).toBeLessThan(frozen)
  // Neither the list nor the document grows with them.
  expect(parts).toBeLessThan(6000)
  expect(dialogs).toEqual([])
  await page.getByRole('link', { name: 'Topology' }).click()
  await page.getByRole('heading', { name: 'Topology' }).waitFor()
  await context.close()
})
