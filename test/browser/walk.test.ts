/** The walk of a packet in a real browser, against the lab: where it is, what becomes of it, and where it dies. */
import { afterEach, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import type { LabReport, ServerEvent, Walk, WalkSummary } from '../../src/server/protocol.ts'
import { ask, labPage, overhang, patience, picture } from '../support/browser.ts'
import { inLab, runInLab } from '../support/lab-engine.ts'

const lab = labPage()
let page: Page
afterEach(() => page?.context().close())

const slow = 3 * patience

const until = async (isSo: () => Promise<boolean>) => {
  for (const end = performance.now() + patience; !(await isSo()); await page.waitForTimeout(30))
    if (performance.now() > end) throw new Error('waited in vain')
}

const shownWalk = async (): Promise<string | null> => {
  const stage = page.locator('.stage')
  return (await stage.count()) === 0 ? null : await stage.getAttribute('data-walk')
}

/** Sends a probe by the form, and waits for its walk. */
const send = async ({ to = '192.168.1.15', protocol = 'icmp', port = '' } = {}) => {
  await page.getByRole('textbox', { name: 'To' }).fill(to)
  await page.getByRole('combobox', { name: 'Protocol' }).selectOption(protocol)
  if (port !== '') await page.getByRole('textbox', { name: 'Port' }).fill(port)
  const before = await shownWalk()
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await until(async () => {
    const id = await shownWalk()
    return id !== null && id !== before
  })
  // It plays by itself: the first key stops that.
  await page.keyboard.press('Home')
}

const now = () => page.getByRole('region', { name: 'What happens now' })
const cell = (name: string) =>
  now()
    .locator('tr', { has: page.getByRole('rowheader', { name, exact: true }) })
    .locator('td')
const fieldOf = async (name: string): Promise<string> =>
  (await cell(name).innerText()).replace(/\s+/g, ' ').trim()

type Step = { title: string; station: string; source: string; destination: string; place: string }

/** Everything that is told, step by step, as somebody sees it who presses the arrow. */
const stepThrough = async (): Promise<Step[]> => {
  const length = Number(await page.locator('.stage').getAttribute('data-length'))
  const steps: Step[] = []
  for (let step = 1; step <= length; step++) {
    await page.waitForSelector(`.now[data-step="${step}"]`)
    const current = page.locator('.pipeline button[aria-current=step]').first()
    steps.push({
      title: await now().getByRole('heading', { level: 2 }).innerText(),
      station: await current.evaluate(
        element => element.closest('[data-station]')?.getAttribute('data-station') ?? '',
      ),
      source: await fieldOf('source'),
      destination: await fieldOf('destination'),
      place: (await page.locator('[data-place]').getAttribute('data-place')) ?? '',
    })
    await page.keyboard.press('ArrowRight')
  }
  return steps
}

const at = (steps: Step[], station: string) =>
  steps
    .filter(step => step.station === station)
    .map(({ source, destination }) => `${source} > ${destination}`)

/** For pictures: the stage at the top, and nothing under way. */
const settled = async () => {
  await page.locator('.stage').evaluate(element => element.scrollIntoView())
  const places = () =>
    page.evaluate(
      `[...document.querySelectorAll('.ring, .token')].map(one => JSON.stringify(one.getBoundingClientRect())).join()`,
    )
  let before: unknown
  await until(async () => {
    const now = await places()
    const isStill = now === before
    before = now
    return isStill && (await page.evaluate('document.getAnimations().length')) === 0
  })
}

const stopFollowing = async () => {
  await page.getByRole('button', { name: 'Stop', exact: true }).click()
  await page.getByText('Following myspace').waitFor({ state: 'detached' })
}

test(
  'a ping goes out and comes back with the addresses of the article at every point',
  async () => {
    page = await lab.open('walk', { viewport: { width: 1440, height: 1000 } })
    await send()
    const steps = await stepThrough()
    const inside = ['192.168.45.3 > 192.168.1.15', '192.168.1.15 > 192.168.45.3']
    expect(at(steps, 'inside/programs')).toEqual(inside)
    expect(at(steps, 'cable')).toEqual(inside)
    const outside = ['192.168.1.32 > 192.168.1.15', '192.168.1.15 > 192.168.1.32']
    // On the wire, at the other host, and on the wire again.
    expect(at(steps, 'uplink')).toEqual([outside[0] ?? '', ...outside])
    expect(at(steps, 'host/postrouting/inet natspace postrouting')).toEqual([
      'before 192.168.45.3 → after 192.168.1.32 changed > 192.168.1.15',
    ])
    expect(at(steps, 'host/prerouting/conntrack')[1]).toBe(
      '192.168.1.15 > before 192.168.1.32 → after 192.168.45.3 changed',
    )
    const titles = steps.map(({ title }) => title)
    expect(titles).toContain('The source is translated (SNAT)')
    expect(titles).toContain('Connection tracking translates the answer back')
    expect(titles.at(-1)).toBe('The answer is back')
    expect(steps.map(({ place }) => place)).toContain('remote')

    // Captures stand side by side, as in the article.
    const captures = await page.locator('[data-captures] > li').allInnerTexts()
    const ends = (text: string) =>
      [...text.matchAll(/IP (\S+) > ([^\s:]+):/g)].map(([, a, b]) => `${a} > ${b}`)
    expect(captures.map(ends)).toEqual([inside, inside, outside, outside, outside])

    // The translation is remembered while the packet is still under way, and it is what differs from the mirror.
    await page.keyboard.press('Home')
    await now().getByText('No entry yet').waitFor()
    await page
      .getByRole('button', { name: /^Go to this step: \d+, request$/ })
      .nth(3)
      .waitFor()
    await page.locator('[data-chain="inet natspace postrouting"] .steps button').first().click()
    expect(await now().locator('.entry mark').allInnerTexts()).toEqual(['192.168.1.32'])
    await settled()
    await picture(page, 'walk-ping')
  },
  slow,
)

test(
  'a rule that somebody put in by hand is where the packet stops, with the doctor’s code',
  async () => {
    page = await lab.open('walk', { viewport: { width: 1440, height: 1000 } })
    inLab(`nft -f - <<'end'
table inet byhand {
  chain careful {
    type filter hook forward priority 10; policy accept;
    ip daddr 192.168.1.15 tcp dport 5432 counter drop comment "no database"
  }
}
end`)
    try {
      await send({ protocol: 'tcp', port: '5432' })
      await page.keyboard.press('End')
      const row = page.locator('[data-chain="inet byhand careful"]')
      await row.locator('.stop').getByText('stopped here').waitFor()
      expect(await row.innerText()).toContain('tcp dport 5432')
      expect(await row.locator('[aria-current=step]').count()).toBe(1)
      expect(await now().getByRole('heading', { level: 2 }).innerText()).toBe(
        'Stopped in inet byhand careful',
      )
      await now().getByText('This rule drops it').waitFor()
      const code = await now().locator('.fault a').innerText()
      expect(code).toMatch(/^FW-/)
      expect(await row.innerText()).toContain(code)
      // The token stands there too, and its rule is marked among the others.
      await page.locator('.picture .token.bad').waitFor()
      const deciding = page.locator('[data-rules="inet byhand careful"] li.guilty')
      expect(await deciding.innerText()).toContain('drop comment "no database"')
      // Chains behind it were not met.
      const behind = page.locator('[data-chain="inet natspace postrouting"]')
      expect(await behind.getAttribute('class')).toContain('quiet')
      expect(await page.locator('.stage').getAttribute('data-index')).toBe(
        `${Number(await page.locator('.stage').getAttribute('data-length')) - 1}`,
      )
      await settled()
      await picture(page, 'walk-drop')
    } finally {
      inLab('nft delete table inet byhand')
    }
  },
  slow,
)

test(
  'a visit at the published port is followed, and led into the space by DNAT',
  async () => {
    page = await lab.open('walk')
    await page.getByRole('radio', { name: 'Follow flows' }).check()
    await page.getByRole('combobox', { name: 'Which flows' }).selectOption('in')
    await page.getByRole('textbox', { name: /^From$/ }).fill('any')
    await page.getByRole('textbox', { name: /^Filter/ }).fill('tcp port 8080')
    await page.getByRole('button', { name: 'Follow', exact: true }).click()
    await page.getByText('Following myspace').waitFor()
    await ask(page, 'POST', '/api/lab', { visit: 'published' })
    // The follow tells of it, and so does the visit itself.
    await page.getByText('1 flow seen').waitFor()
    await page.locator('.list a', { hasText: '192.168.1.32:8080' }).first().click()
    await page.locator('.stage').waitFor()
    const steps = await stepThrough()
    expect(at(steps, 'host/prerouting/inet natspace prerouting')).toEqual([
      '192.168.1.15 > before 192.168.1.32 → after 192.168.45.3 changed',
    ])
    expect(steps.map(({ title }) => title)).toContain('The destination is translated (DNAT)')
    expect(at(steps, 'inside/programs')).toEqual([
      '192.168.1.15 > 192.168.45.3',
      '192.168.45.3 > 192.168.1.15',
    ])
    expect(at(steps, 'uplink').at(-1)).toBe('192.168.1.32 > 192.168.1.15')
    await stopFollowing()
  },
  slow,
)

test(
  'by the keyboard alone: send, play, step, jump, and move the slider',
  async () => {
    page = await lab.open('walk')
    const focus = () =>
      page.evaluate(
        `document.activeElement?.getAttribute('name') ?? document.activeElement?.textContent?.trim() ?? ''`,
      )
    const tabTo = async (wanted: string) => {
      for (let tries = 0; tries < 60; tries++) {
        if ((await focus()) === wanted) return
        await page.keyboard.press('Tab')
      }
      throw new Error(`the key Tab does not lead to ${wanted}`)
    }
    await tabTo('to')
    await page.keyboard.press('Control+a')
    await page.keyboard.type('192.168.1.15')
    await page.keyboard.press('Enter')
    const stage = page.locator('.stage')
    await stage.waitFor()
    const index = async () => Number(await stage.getAttribute('data-index'))
    // The walk has the focus now, and not the field.
    await until(async () => (await page.evaluate(`document.activeElement.matches('.stage h2')`)) === true)
    await page.keyboard.press('End')
    const last = await index()
    expect(last).toBeGreaterThan(10)
    await page.keyboard.press('ArrowLeft')
    expect(await index()).toBe(last - 1)
    await page.keyboard.press('Home')
    expect(await index()).toBe(0)
    await page.keyboard.press('Space')
    await page.getByRole('button', { name: 'Pause' }).waitFor()
    await until(async () => (await index()) > 0)
    await page.keyboard.press('Space')
    await page.getByRole('button', { name: 'Play', exact: true }).waitFor()
    const slider = page.getByRole('slider', { name: 'Step' })
    await slider.focus()
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await index()).toBe(2)
    expect(await slider.getAttribute('aria-valuetext')).toMatch(/^3 of \d+: Through the cable/)
    // A chain's rules are a button away.
    const chain = page.locator('[data-chain="inet natspace forward"] button.what')
    await chain.focus()
    await page.keyboard.press('Enter')
    await page.locator('[data-rules="inet natspace forward"]').waitFor()
    expect(await chain.getAttribute('aria-expanded')).toBe('true')
  },
  slow,
)

test(
  'who wants less motion has steps, and nothing that moves by itself',
  async () => {
    page = await lab.open('walk', { reducedMotion: 'reduce' })
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.locator('.stage').waitFor()
    await page.getByText('step through with the arrows').waitFor()
    expect(await page.getByRole('button', { name: 'Play', exact: true }).count()).toBe(1)
    await page.keyboard.press('End')
    await page.getByText('The answer is back').first().waitFor()
    expect(await page.evaluate('document.getAnimations().length')).toBe(0)
  },
  slow,
)

describe('a walk has a link, and a file', () => {
  test(
    'the link opens it again while the server keeps it, and says so when it does not',
    async () => {
      page = await lab.open('walk')
      await send()
      const address = await page.evaluate('location.hash')
      expect(address).toMatch(/^#\/walk\/walk-\d+$/)
      await page.reload()
      await page.locator('.stage').waitFor()
      expect(await page.locator('.stage').getAttribute('data-walk')).toBe(`${address}`.split('/')[2] ?? '')
      lab.complaints.length = 0
      await page.evaluate(`location.hash = '#/walk/walk-99999'`)
      await page.getByText('The server does not have this walk any more').waitFor()
      // The browser itself notes the 404.
      expect(lab.complaints.filter(text => !text.includes('404'))).toEqual([])
      lab.complaints.length = 0
    },
    slow,
  )

  test(
    'what was saved is opened again, without the server',
    async () => {
      page = await lab.open('walk')
      await send()
      const steps = await stepThrough()
      const waiting = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Save', exact: true }).click()
      const download = await waiting
      expect(download.suggestedFilename()).toMatch(/^natspace-walk-myspace-[\d-]+\.json$/)
      const file = await download.path()
      await page.evaluate(`location.hash = '#/walk'`)
      await page.context().setOffline(true)
      await page.getByLabel('Open a saved walk').setInputFiles(file)
      await page.getByText('from a file:').waitFor()
      expect(await stepThrough()).toEqual(steps)
      await page.getByRole('button', { name: 'Close the file' }).click()
      await page.getByText('No walk is open').waitFor()
      await page.context().setOffline(false)
      // The stream was away.
      lab.complaints.length = 0
    },
    slow,
  )

  test(
    'a hostile one is shown as the text that it is, and a damaged one not at all',
    async () => {
      page = await lab.open('walk')
      await send()
      const id = await page.locator('.stage').getAttribute('data-walk')
      const walk = (await ask(page, 'GET', `/api/walks/${id}`)) as Walk
      const evil =
        '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">\u001b]0;x\u0007\u202egnp'
      const spoiled = JSON.stringify(walk)
        .replaceAll('"inet natspace forward"', JSON.stringify(evil))
        .replaceAll('"myspace"', JSON.stringify(`myspace${evil}`))
        .replaceAll('"space:myspace"', JSON.stringify(`space:myspace${evil}`))
      const hostile: Walk = {
        ...(JSON.parse(spoiled) as Walk),
        title: evil,
        fault: {
          code: evil,
          title: evil,
          why: evil,
          what: evil,
          evidence: [evil],
          fix: { commands: [evil], undo: [evil] },
        },
        captures: [{ place: evil, interface: evil, lines: [evil] }],
      }
      hostile.story.notes.push(evil)
      hostile.story.end.evidence.push(evil)
      for (const event of hostile.story.events) {
        if (event.chain) event.chain.owner = evil
        if (event.rule !== undefined) event.rule = evil
      }
      for (const { chains } of hostile.pipelines.host)
        for (const chain of chains) Object.assign(chain, { owner: evil, rules: [{ text: evil }] })
      const give = (text: string) =>
        page.getByLabel('Open a saved walk').setInputFiles({
          name: `${evil}.json`.replaceAll('/', '_'),
          mimeType: 'application/json',
          buffer: Buffer.from(text),
        })
      await give(JSON.stringify(hostile))
      await page.getByText('from a file:').or(page.locator('main [role=alert]')).first().waitFor()
      expect(await page.locator('main [role=alert]').allInnerTexts()).toEqual([])
      for (let step = 0; step < hostile.story.events.length + 8; step++)
        await page.keyboard.press('ArrowRight')
      for (const button of await page.locator('.chain button.what').all()) await button.click()
      await page.locator('[data-rules]').first().waitFor()
      expect(await page.evaluate('window.pwned')).toBeUndefined()
      expect(await page.locator('main script, main img').count()).toBe(0)
      const text = await page.locator('main').innerText()
      expect(text).toContain('<script>window.pwned = 1</script>')
      expect(text).toContain('\\x1b]0;x\\x07\\u{202e}gnp')
      expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202e]/)

      // Dropped onto the page it is the same.
      await page.getByRole('button', { name: 'Close the file' }).click()
      const transfer = await page.evaluateHandle(text => {
        const data = new DataTransfer()
        data.items.add(new File([text], 'dropped.json', { type: 'application/json' }))
        return data
      }, JSON.stringify(hostile))
      await page.dispatchEvent('main', 'drop', { dataTransfer: transfer })
      await page.getByText('from a file: dropped.json').waitFor()
      expect(await page.evaluate('window.pwned')).toBeUndefined()

      await give(JSON.stringify(hostile).slice(0, 5000))
      await page.getByRole('alert').getByText('The file holds no JSON').waitFor()
      await give('{"format":"natspace-walk","protocolVersion":1}')
      await page.getByRole('alert').getByText('The file is damaged').waitFor()
      await give(JSON.stringify({ ...walk, protocolVersion: 99 }))
      await page.getByRole('alert').getByText('A newer natspace saved this walk').waitFor()
      await give(JSON.stringify({ ...walk, extra: '<b>' }))
      await page.getByRole('alert').getByText('walk.extra: there is no such field').waitFor()
    },
    slow,
  )
})

test(
  'thousands of flows are followed, some are told, and the page stays at hand',
  async () => {
    page = await lab.open('walk')
    await page.getByRole('radio', { name: 'Follow flows' }).check()
    await page.getByRole('button', { name: 'Follow', exact: true }).click()
    await page.getByText('Following myspace').waitFor()
    const flood = runInLab(
      'myspace',
      join(import.meta.dirname, '../support/send-flows.ts'),
      '192.168.1.15',
      '2500',
    )
    await page.getByText(/^\d+ of \d+ are told here/).waitFor()
    // In the midst of it.
    await page.getByRole('combobox', { name: 'Ended how' }).selectOption('refused')
    await page.locator('.list a').first().waitFor()
    expect(await page.locator('.list a').count()).toBeLessThan(40)
    await page.locator('.list a').first().click()
    await page.locator('.stage').waitFor()
    await flood
    await stopFollowing()
  },
  slow,
)

test(
  'ten thousand events at once are drawn as one list of those in sight',
  async () => {
    page = await lab.open('walk')
    const [walks, topology] = await Promise.all([
      ask(page, 'GET', '/api/walks') as Promise<WalkSummary[]>,
      ask(page, 'GET', '/api/topology'),
    ])
    const [pattern] = walks
    if (pattern === undefined) throw new Error('no walk is known')
    const message = (event: ServerEvent) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
    const many = Array.from({ length: 10_000 }, (_, index) =>
      message({
        type: 'walk',
        follow: 'f',
        walk: { ...pattern, id: `many-${index}`, title: `flow ${index}` },
      }),
    )
    const snapshot = message({
      type: 'snapshot',
      topology: topology as never,
      walks: [],
      follows: [{ id: 'f', space: 'myspace', seen: 0 }],
    })
    await page.route('**/api/events', route =>
      route.fulfill({ contentType: 'text/event-stream', body: snapshot + many.join('') }),
    )
    await page.evaluate(`
      window.longest = 0
      let before = performance.now()
      const look = () => {
        const now = performance.now()
        window.longest = Math.max(window.longest, now - before)
        before = now
        requestAnimationFrame(look)
      }
      requestAnimationFrame(look)`)
    await page.reload()
    await page.locator('.list').getByText('flow 9999').waitFor()
    expect(await page.locator('.list h2').innerText()).toContain('200')
    expect(await page.locator('.list a').count()).toBeLessThan(40)
    await page.getByText('10000 flows seen').waitFor()
    // While somebody points at it, the list holds still.
    await page.locator('.list a').nth(1).hover()
    await page.locator('.list a').nth(1).focus()
    lab.complaints.length = 0
  },
  slow,
)

describe('whoever looks', () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  const violations = async () => {
    await page.evaluate(axe)
    return await page.evaluate(
      `axe.run(document).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target.join(' ')).join(', ')))`,
    )
  }

  test(
    'finds no fault of accessibility, light or dark, with a drop or with an answer',
    async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        page = await lab.open('walk', { colorScheme, reducedMotion: 'reduce' })
        await send()
        await page.locator('[data-chain="inet natspace postrouting"] .steps button').first().click()
        await page.locator('[data-chain="inet natspace forward"] button.what').click()
        expect(await violations()).toEqual([])
        if (colorScheme === 'light') await page.context().close()
      }
      await picture(page, 'walk-dark')
      const failed = (await ask(page, 'POST', '/api/lab', { without: 9 })) as LabReport
      await page.evaluate(`location.hash = '#/walk/${failed.walk.id}'`)
      await page.waitForSelector(`.stage[data-walk="${failed.walk.id}"]`)
      await page.keyboard.press('End')
      await page.locator('.chain.guilty').waitFor()
      expect(await violations()).toEqual([])
      await ask(page, 'POST', '/api/lab', { without: null })
    },
    slow,
  )

  test(
    'has it on a telephone and on a wall, and nothing sticks out',
    async () => {
      for (const [name, width, height] of [
        ['360', 360, 740],
        ['4k', 3840, 2160],
      ] as const) {
        page = await lab.open('walk', { viewport: { width, height } })
        await send()
        await page.keyboard.press('End')
        await page.getByText('The answer is back').first().waitFor()
        await until(async () => (await overhang(page)) === 0)
        await settled()
        await picture(page, `walk-${name}`)
        if (width === 360) await page.context().close()
      }
    },
    slow,
  )
})
