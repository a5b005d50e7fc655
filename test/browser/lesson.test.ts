/** The lesson in a real browser, against the lab: what fails without each step, why, and that it works with it again. */
import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { ask, labPage, overhang, patience, picture } from '../support/browser.ts'

const lab = labPage()
let page: Page
/** Whatever the test before has left out is there again. */
const open = async (options: Parameters<typeof lab.open>[1] = {}) => {
  page = await lab.open('lesson', options)
  await ask(page, 'POST', '/api/lab', { without: null })
  await page.reload()
  await page.waitForSelector('.experiment')
}
afterEach(() => page?.context().close())

const slow = 4 * patience

const experiment = () => page.locator('.experiment')
const verdict = (kind: string) => page.locator(`[data-verdict=${kind}]`)

/** Chooses what is left out, runs it, and goes to the end of the walk. */
const runWithout = async (step: number) => {
  await experiment().getByRole('combobox').selectOption(`${step}`)
  await page.locator('[data-do=run]').click()
  await verdict('fails').waitFor()
  await page.keyboard.press('End')
}
const addAgain = async () => {
  await page.locator('[data-do=again]').click()
  await verdict('cured').waitFor()
}

const outcome = () => page.locator('.stage header .tag').first().innerText()
const stands = () => page.locator('.pipeline button[aria-current=step]').first()
const station = (): Promise<string> =>
  stands().evaluate(element => element.closest('[data-station]')?.getAttribute('data-station') ?? '')

/** By place: how many lines each capture has. */
const captured = () =>
  page
    .locator('[data-captures] > li')
    .evaluateAll(points => points.map(point => point.querySelectorAll('ol > li').length))

test(
  'without step 8 the request reaches host2 with its inside address, and the answer is missing; with it, it works',
  async () => {
    await open({ viewport: { width: 1440, height: 1000 } })
    // Step 8 is shown first; its switch leaves it out.
    const toggle = page.getByRole('switch', { name: 'Leave it out' })
    await toggle.focus()
    await page.keyboard.press('Enter')
    expect(await toggle.getAttribute('aria-checked')).toBe('true')
    await page.getByRole('button', { name: 'Run it without step 8' }).click()
    await verdict('fails').getByText('It fails, and just as it must without step 8').waitFor()
    await page.keyboard.press('End')
    expect(await outcome()).toContain('delivered')
    expect(await station()).toBe('uplink')
    const now = page.getByRole('region', { name: 'What happens now' })
    expect(await now.getByRole('heading', { level: 2 }).innerText()).toBe('Nothing came back')
    expect(await now.getByRole('row', { name: /^source\b/ }).innerText()).toContain('192.168.45.3')
    await now.getByRole('link', { name: 'NAT-NONE' }).waitFor()
    // The answer is there at host2 and on its LAN, and nowhere on host1.
    expect(await captured()).toEqual([1, 1, 1, 2, 2])
    await page.evaluate('scrollTo(0, 0)')
    await picture(page, 'lesson-without-8')
    await page.getByText(/^What had to be seen/).click()
    expect(await page.locator('.experiment li .tag.bad').count()).toBe(0)
    await page.getByText('the answer never comes back').waitFor()
    await addAgain()
    await page.keyboard.press('End')
    expect(await outcome()).toContain('answered')
    expect(await captured()).toEqual([2, 2, 2, 2, 2])
    expect(await station()).toBe('inside/programs')
  },
  slow,
)

test(
  'without 6, 7 and 9 the packet ends at the place that belongs to the step',
  async () => {
    await open()
    for (const [step, where, code, seen] of [
      [6, 'inside/routing-out', 'RT-NODEFAULT', [0, 0, 0, 0, 0]],
      [7, 'host/routing-in', 'SYS-FWD0', [1, 1, 0, 0, 0]],
      [9, 'host/forward/ip filter FORWARD', 'FW-DROP', [1, 1, 0, 0, 0]],
    ] as const) {
      await runWithout(step)
      expect(await outcome()).toContain('dropped')
      expect(await station()).toBe(where)
      expect(await captured()).toEqual([...seen])
      await page.locator('.pipeline').getByText(code).first().waitFor()
      await page.locator('.picture .token.bad').waitFor()
      await addAgain()
    }
  },
  2 * slow,
)

test(
  'host2 connects to the published port, and is led into the space by DNAT',
  async () => {
    await open()
    await page.getByRole('button', { name: 'Let host2 connect to it' }).click()
    await page.locator('.stage').waitFor()
    await page.keyboard.press('Home')
    const now = page.getByRole('region', { name: 'What happens now' })
    await now.getByText('192.168.1.15 sends the request').waitFor()
    await page.locator('[data-chain="inet natspace prerouting"] .steps button').first().click()
    await now.getByText('The destination is translated (DNAT)').waitFor()
    const row = async (name: RegExp) =>
      (await now.getByRole('row', { name }).locator('td').innerText()).replace(/\s+/g, ' ')
    expect(await row(/^destination 1|^destination before/)).toContain('192.168.1.32 → after 192.168.45.3')
    expect(await row(/^destination port/)).toContain('8080 → after 80')
    expect(await outcome()).toContain('answered')
    await page
      .getByText(/^What had to be seen/)
      .last()
      .click()
    expect(await page.locator('li .tag.bad').count()).toBe(0)
  },
  slow,
)

test(
  'the nine steps are explained, one after another, by the keyboard, with the commands of the article',
  async () => {
    await open()
    const article = [
      'ip netns add myspace',
      'ip link add veth1 type veth peer name veth2',
      'ip link set veth2 netns myspace',
      'ifconfig veth1 192.168.45.2 netmask 255.255.255.0 up',
      'ip netns exec myspace ifconfig veth2 192.168.45.3 netmask 255.255.255.0 up',
      'ip netns exec myspace route add default gw 192.168.45.2',
      'echo 1 > /proc/sys/net/ipv4/ip_forward',
      'iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE',
      'iptables -t filter -A FORWARD -i eth0 -o veth1 -j ACCEPT',
    ]
    const steps = page.locator('.rail button')
    expect(await steps.count()).toBe(9)
    await steps.first().focus()
    for (const [index, command] of article.entries()) {
      await page.keyboard.press('Enter')
      const card = page.getByRole('region', { name: `Step ${index + 1}:` })
      await card.getByText(command, { exact: true }).waitFor()
      expect(await card.getByRole('switch').count()).toBe(index < 5 ? 0 : 1)
      const question = card.locator('summary')
      await question.click()
      expect((await card.locator('details p').innerText()).length).toBeGreaterThan(20)
      await steps.nth(Math.min(index + 1, 8)).focus()
    }
  },
  slow,
)

describe('in Chinese', () => {
  test(
    'everything is said that is said in English, and the experiment runs',
    async () => {
      await open({ locale: 'zh-CN', viewport: { width: 1440, height: 1000 } })
      expect(await page.evaluate('document.documentElement.lang')).toBe('zh-Hans')
      await page.getByRole('heading', { level: 1, name: '九个步骤，去掉一个会怎样' }).waitFor()
      await experiment().getByRole('combobox').selectOption('7')
      await page.getByRole('button', { name: '去掉第 7 步并运行' }).click()
      await verdict('fails').getByText('不通，而且正是缺少第 7 步时应有的样子').waitFor()
      await page.keyboard.press('End')
      const now = page.getByRole('region', { name: '此刻发生的事' })
      await now.getByRole('heading', { level: 2, name: '本机不知道该把它送往哪里' }).waitFor()
      await picture(page, 'lesson-zh')
      await page.getByRole('button', { name: '重新加上第 7 步' }).click()
      await verdict('cured').getByText('加上第 7 步后又通了').waitFor()
      await page.getByRole('button', { name: '让 host2 来连接' }).click()
      await page.getByRole('heading', { level: 2, name: '从外面进来：发布的端口' }).first().waitFor()
      // English again, without a word of Chinese but the name of the language.
      await page.getByRole('button', { name: /English$/ }).click()
      await page.getByRole('heading', { level: 1, name: 'Nine steps, one left out' }).waitFor()
      expect(await page.locator('main').innerText()).not.toMatch(/\p{Script=Han}/u)
    },
    slow,
  )
})

test(
  'on a host that is no lab it tells how to start one',
  async () => {
    page = await lab.open('topology')
    await page.route('**/api/hello', async route => {
      const answer = await route.fetch()
      await route.fulfill({ json: { ...(await answer.json()), mode: 'host' } })
    })
    await page.reload()
    await page.waitForSelector('main h1')
    expect(await page.locator('nav a[href="#/lesson"]').count()).toBe(0)
    await page.evaluate(`location.hash = '#/lesson'`)
    await page.getByText('natspace ui --lab').first().waitFor()
    expect(await page.locator('.experiment').count()).toBe(0)
  },
  slow,
)

test(
  'it has no fault of accessibility, and fits a telephone',
  async () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    for (const colorScheme of ['light', 'dark'] as const) {
      await open({
        colorScheme,
        reducedMotion: 'reduce',
        viewport: { width: colorScheme === 'light' ? 360 : 1280, height: 800 },
      })
      await runWithout(9)
      await page.getByText(/^What had to be seen/).click()
      expect(await overhang(page)).toBe(0)
      await page.evaluate(axe)
      expect(
        await page.evaluate(
          `axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target.join(' ')).join(', ')))`,
        ),
      ).toEqual([])
      await picture(page, colorScheme === 'light' ? 'lesson-360' : 'lesson-dark')
      await addAgain()
      if (colorScheme === 'light') await page.context().close()
    }
  },
  slow,
)
