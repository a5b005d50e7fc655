import { expect, test } from 'bun:test'
import { PassThrough } from 'node:stream'
import { NatspaceError } from '../space/errors.ts'
import type { Handlers } from './channel.ts'
import { openEngineChannel } from './engine-channel.ts'
import { EngineClient } from './front/engine-client.ts'
import { fakeEngine, hello } from './front/front.test-support.ts'
import type { ServerEvent } from './protocol.ts'

const event: ServerEvent = { type: 'lost', what: 'a test' }

test('a question is answered, and others meanwhile', async () => {
  let finish: (value: { text: string }) => void = () => undefined
  const { client } = fakeEngine({
    spec: () =>
      new Promise(resolve => {
        finish = resolve
      }),
  })
  const slow = client.ask('spec', {})
  expect(await client.ask('hello', {})).toEqual(hello)
  finish({ text: 'x' })
  expect(await slow).toEqual({ text: 'x' })
})

test('what a handler throws is the failure of that question, with a status', async () => {
  const statuses: [string, 1 | 2 | 4 | 5, number][] = [
    ['NOT_FOUND', 1, 404],
    ['NO_SUCH_WALK', 1, 404],
    ['BAD_NAME', 2, 400],
    ['NOT_PERMITTED', 4, 403],
    ['LOCK_TIMEOUT', 5, 503],
    ['ANY_OTHER', 1, 500],
  ]
  for (const [code, exit, status] of statuses) {
    const { client } = fakeEngine({
      spec: () => {
        throw new NatspaceError({ code, exit, what: 'w', why: 'y', evidence: ['e'], fix: ['f'] })
      },
    })
    expect(client.ask('spec', {})).rejects.toMatchObject({
      status,
      failure: { code, what: 'w', why: 'y', evidence: ['e'], fix: ['f'] },
    })
  }
})

test('params are checked on the engine’s side, and a verb that there is not is refused', async () => {
  const { client, asked } = fakeEngine()
  expect(client.askUnchecked('space', { name: 5 })).rejects.toMatchObject({ status: 400 })
  expect(client.askUnchecked('constructor' as 'hello', {})).rejects.toMatchObject({ status: 400 })
  await client.ask('hello', {})
  expect(asked).toEqual([['hello', {}]])
})

test('when the front closes the pipe, serving ends', async () => {
  const { client, served } = fakeEngine()
  client.close()
  await served
})

test('a front that does not speak as it should ends it, too', async () => {
  for (const line of ['nonsense', '[]', '{"id":"x","verb":"hello"}']) {
    const { toEngine, served } = fakeEngine()
    toEngine.write(`${line}\n`)
    expect(served).rejects.toThrow()
  }
})

test('when the engine goes, whoever waits is told, and so is who asks later', async () => {
  const { client, toFront } = fakeEngine({ spec: () => new Promise(() => undefined) })
  let why = ''
  client.onEnd = text => {
    why = text
  }
  const waiting = client.ask('spec', {})
  toFront.end()
  expect(waiting).rejects.toMatchObject({ status: 502, failure: { code: 'ENGINE_GONE' } })
  await waiting.catch(() => undefined)
  expect(why).toBe('the engine has ended')
  expect(client.ask('hello', {})).rejects.toMatchObject({ status: 502 })
})

test('an engine that does not speak as it should is as good as gone', async () => {
  const { client, toFront } = fakeEngine({ spec: () => new Promise(() => undefined) })
  const ended = new Promise<string>(resolve => {
    client.onEnd = resolve
  })
  toFront.write('{"id":\n')
  expect(await ended).toContain('does not speak as it should')
})

test('too many questions at once are refused', async () => {
  const { client } = fakeEngine({ spec: () => new Promise(() => undefined) })
  for (let turn = 0; turn < 64; turn++) client.ask('spec', {}).catch(() => undefined)
  expect(client.ask('hello', {})).rejects.toMatchObject({ status: 503, failure: { code: 'ENGINE_BUSY' } })
})

test('a result is taken before the events that come after it', async () => {
  const seen: string[] = []
  const { client, channel } = fakeEngine({
    topology: () => {
      // After the answer, in the same chunk.
      queueMicrotask(() => queueMicrotask(() => channel.push(event)))
      return { nodes: [], edges: [], ports: [], time: 1 }
    },
  })
  const told = new Promise<void>(resolve => {
    client.onEvent = () => {
      seen.push('event')
      resolve()
    }
  })
  await client.ask('topology', {}, () => seen.push('result'))
  await told
  expect(seen).toEqual(['result', 'event'])
})

test('a front that does not read makes the engine drop events, and is told how many', async () => {
  const toEngine = new PassThrough()
  const toFront = new PassThrough()
  const channel = openEngineChannel(toEngine, toFront, () => {
    throw new Error('not asked')
  })
  void channel.serve({} as Handlers)
  const large: ServerEvent = { type: 'lost', what: 'x'.repeat(100_000) }
  const taken = Array.from({ length: 200 }, () => channel.push(large))
  const dropped = taken.filter(was => !was).length
  expect(dropped).toBeGreaterThan(100)
  const client = new EngineClient(toFront, toEngine)
  const told = await new Promise<string>(resolve => {
    client.onEvent = got => {
      if (got.type === 'lost' && got.what.length < 100) resolve(got.what)
    }
  })
  expect(told).toBe(`${dropped} events`)
  expect(channel.push(event)).toBe(true)
})
