import { describe, expect, test } from 'bun:test'
import { FakeKernel } from '../../linux/fake.ts'
import { newHost } from '../../space/reconcile/test-support.ts'
import type { ServerEvent } from '../protocol.ts'
import { Engine, type EngineOptions } from './engine.ts'

const articleText = `spaces:
  myspace:
    address: 192.168.45.3
    gateway: 192.168.45.2/24
    hostInterface: veth1
    interface: veth2
    uplink: eth0
    publish: ["8080:80"]
`

/** An engine on the article's host1 in memory. */
const open = (rest: Partial<EngineOptions> = {}) => {
  const { kernel, context } = newHost()
  const events: ServerEvent[] = []
  const engine = new Engine({
    mode: 'host',
    allowChanges: true,
    host: 'host1',
    paths: context.paths,
    openKernel: () => new FakeKernel(kernel.machine),
    push: event => {
      events.push(event)
    },
    words: String,
    ...rest,
  })
  return { engine, ask: engine.handlers, kernel, events }
}

const code = async (question: unknown): Promise<unknown> => {
  try {
    await question
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

/** A handler may throw at once. */
const codeOf = (ask: () => unknown): Promise<unknown> => code((async () => ask())())

describe('plan', () => {
  test('has the operations, the scripts and the picture, and changes nothing', async () => {
    const { ask, kernel } = open()
    const before = kernel.snapshot()
    const plan = await ask.plan({ text: articleText })
    expect(plan.problems).toEqual([])
    expect(plan.operations.map(({ number }) => number)).toEqual(plan.operations.map((_, index) => index + 1))
    expect(plan.operations.find(({ step }) => step.number === 2)?.commands[0]).toContain(
      'type veth peer name',
    )
    expect(plan.scripts.shell).toStartWith('#!/bin/sh\n# natspace up myspace\n')
    expect(plan.scripts.nft).toContain('nft -f -')
    expect(plan.scripts.iptables).toContain('MASQUERADE')
    expect(plan.topology.nodes.map(({ id }) => id)).toContain('space:myspace')
    expect(kernel.snapshot()).toEqual(before)
  })

  test('tells the mistakes of a text with their places, several at once', async () => {
    const { ask } = open()
    const text = 'spaces:\n  a:\n    mtu: many\n  b:\n    publsh: ["80"]\n'
    const { problems, operations } = await ask.plan({ text })
    expect(operations).toEqual([])
    expect(problems).toMatchObject([
      { line: 3, column: 10, message: "cannot use mtu 'many'", why: 'it must be a number' },
      { line: 5, column: 5, message: expect.stringContaining('did you mean publish?') },
    ])
  })

  test.each([
    ['', 1, 'cannot read the spec file'],
    ['spaces: [', 1, 'cannot read the spec file'],
    ['spaces:\n  "../x": {}', 2, "cannot use name '../x'"],
  ])('%j is no spec file', async (text, line, message) => {
    const { problems } = await open().ask.plan({ text })
    expect(problems[0]).toMatchObject({ line })
    expect(problems[0]?.message).toContain(message)
  })

  test('what this host refuses is a problem too', async () => {
    const { problems } = await open().ask.plan({ text: 'spaces:\n  web:\n    uplink: wlan7\n' })
    expect(problems).toMatchObject([{ message: "cannot use 'wlan7' as the uplink of web" }])
  })

  test('of a removal', async () => {
    const { ask } = open()
    await ask.apply({ text: articleText })
    const plan = await ask.plan({ remove: ['myspace'] })
    expect(plan.operations.length).toBeGreaterThan(5)
    expect(plan.topology.nodes.map(({ id }) => id)).not.toContain('space:myspace')
    expect(plan.scripts.shell).toContain('ip netns delete myspace')
  })
})

describe('apply and remove', () => {
  test('are up -f and down, and what is up can be had as a text again', async () => {
    const { ask, kernel } = open()
    const before = kernel.snapshot()
    expect(await ask.spec({})).toEqual({ text: 'spaces: {}\n' })
    const applied = await ask.apply({ text: articleText })
    expect(applied).toMatchObject({ spaces: ['myspace'], warnings: [] })
    expect(applied.changes).toBeGreaterThan(5)
    expect((await ask.topology({})).nodes.find(({ id }) => id === 'space:myspace')?.health).toBe('healthy')
    const { text } = await ask.spec({})
    expect((await ask.plan({ text })).operations).toEqual([])
    expect((await ask.apply({ text })).changes).toBe(0)
    expect(await ask.remove({ names: ['myspace'] })).toMatchObject({ spaces: ['myspace'] })
    expect(kernel.snapshot()).toEqual(before)
  })

  test('are refused where the server only looks', async () => {
    const { ask, kernel } = open({ allowChanges: false })
    const before = kernel.snapshot()
    expect(await codeOf(() => ask.apply({ text: articleText }))).toBe('CHANGES_NOT_ALLOWED')
    expect(await codeOf(() => ask.remove({ names: ['myspace'] }))).toBe('CHANGES_NOT_ALLOWED')
    expect(kernel.snapshot()).toEqual(before)
  })

  test('a text with a mistake changes nothing', async () => {
    const { ask, kernel } = open()
    const before = kernel.snapshot()
    expect(await codeOf(() => ask.apply({ text: `${articleText}  b: {mtu: many}\n` }))).toBe('BAD_TYPE')
    expect(kernel.snapshot()).toEqual(before)
  })

  test('one after another', async () => {
    const { ask } = open()
    const all = await Promise.all([
      ask.apply({ text: articleText }),
      ask.apply({ text: 'spaces: {web: {}}' }),
      ask.remove({ names: ['myspace'] }),
    ])
    expect(all.map(({ spaces }) => spaces)).toEqual([['myspace'], ['web'], ['myspace']])
    const { nodes } = await ask.topology({})
    expect(nodes.filter(({ kind }) => kind === 'space').map(({ name }) => name)).toEqual(['web'])
  })
})

describe('a space', () => {
  test('is told whole: its status, its steps as commands, and its elements', async () => {
    const { ask } = open()
    await ask.apply({ text: articleText })
    const details = await ask.space({ name: 'myspace' })
    expect(details.status).toMatchObject({ name: 'myspace', healthy: true, publish: ['8080:80'] })
    expect(details.steps.map(({ number }) => number).filter(Boolean)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(details.steps.find(({ number }) => number === 6)?.commands).toEqual([
      'ip -n myspace route add default via 192.168.45.2 dev veth2',
    ])
    expect(details.rules).toContain(
      'nft add element inet natspace publish4 { tcp . 8080 : 192.168.45.3 . 80 }',
    )
  })

  test('has the resolvers that were asked for', async () => {
    const { ask } = open()
    await ask.apply({ text: 'spaces: {web: {dns: [192.0.2.53]}, own: {internal: true}}' })
    expect((await ask.space({ name: 'web' })).dns).toEqual(['192.0.2.53'])
    expect((await ask.space({ name: 'own' })).dns).toEqual([])
  })

  test.each(['nowhere', '../../etc/passwd', 'a/b', '', '-x'])('%j is none', async name => {
    const { ask } = open()
    const expected = name === 'nowhere' ? 'NOT_FOUND' : 'BAD_NAME'
    expect(await codeOf(() => ask.space({ name }))).toBe(expected)
    expect(await codeOf(() => ask.walk({ space: name, to: '192.0.2.1' }))).toBe(expected)
    expect(await codeOf(() => ask.follow({ space: name }))).toBe(expected)
    expect(await codeOf(() => ask.doctor({ space: name }))).toBe(expected)
    if (name !== 'nowhere') expect(await codeOf(() => ask.remove({ names: [name] }))).toBe(expected)
    if (name !== 'nowhere') expect(await codeOf(() => ask.plan({ remove: [name] }))).toBe(expected)
  })
})

test('what is not there has a code of its own', async () => {
  const { ask } = open()
  await ask.apply({ text: articleText })
  expect(await codeOf(() => ask.walkById({ id: 'walk-1' }))).toBe('NO_SUCH_WALK')
  expect(await codeOf(() => ask.unfollow({ id: 'follow-1' }))).toBe('NO_SUCH_FOLLOW')
  expect(await codeOf(() => ask.lab({}))).toBe('NO_LAB')
  expect(await codeOf(() => ask.setLab({ without: 8 }))).toBe('NO_LAB')
  expect(await codeOf(() => ask.walk({ space: 'myspace', to: 'example.org' }))).toBe('BAD_DESTINATION')
  expect(await codeOf(() => ask.follow({ space: 'myspace', from: 'example.org' }))).toBe('BAD_ORIGIN')
  expect(await codeOf(() => ask.follow({ space: 'myspace', filter: 'tcp prot 80' }))).toBe('BAD_FILTER')
  expect(await ask.walks({})).toEqual([])
})

test('the schema is that of the docs', async () => {
  expect(await open().ask.schema({})).toMatchObject({
    $schema: expect.any(String),
    properties: expect.any(Object),
  })
})
