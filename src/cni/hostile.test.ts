/** Configurations and environments of all kinds: whatever comes, the answer is one of the specification's. */
import { expect, test } from 'bun:test'
import { hostileRequests } from '../../test/support/cni-mutations.ts'
import type { MachineSnapshot } from '../linux/fake/snapshot.ts'
import { FakeKernel } from '../linux/fake.ts'
import { NatspaceError } from '../space/errors.ts'
import { statePaths } from '../space/state/records.ts'
import { cniCode } from './error.ts'
import { type Answer, runPlugin } from './plugin.ts'

type Environment = Readonly<Record<string, string | undefined>>

const send = (kernel: FakeKernel, environment: Environment, text: string): Promise<Answer> =>
  runPlugin({
    environment,
    read: () => text,
    open: () => ({ kernel, paths: statePaths(), lockPatience: 0, [Symbol.dispose]() {} }),
    warn: () => {},
    explain: async error => {
      if (error instanceof NatspaceError) return error
      throw error
    },
  })

type Stage = { kernel: FakeKernel; bare: MachineSnapshot; begin: MachineSnapshot }

/** A host with a container that has nothing, and one that is attached to a network already. */
const newStage = async (): Promise<Stage> => {
  const kernel = new FakeKernel()
  kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' })
  const outcomes = kernel.change([
    { type: 'directory.add', path: '/run/netns', mode: 0o755 },
    ...['c1', 'c2'].map(name => ({ type: 'namespace.add', path: `/run/netns/${name}` }) as const),
  ])
  expect(outcomes).toEqual(['done', 'done', 'done'])
  const bare = kernel.snapshot()
  const { status } = await send(
    kernel,
    { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c2', CNI_NETNS: '/run/netns/c2', CNI_IFNAME: 'eth0' },
    '{"cniVersion":"1.1.0","name":"net","type":"natspace","ipam":{"subnet":"10.88.0.0/24"}}',
  )
  expect(status).toBe(0)
  return { kernel, bare, begin: kernel.snapshot() }
}

/** Everything but mistakes of natspace itself. */
const numbers: ReadonlySet<number> = new Set(Object.values(cniCode).filter(code => code !== cniCode.internal))

const kindOf = ({ text, status }: Answer): number | 'success' => {
  if (status === 0) {
    if (text !== '') expect(typeof JSON.parse(text).cniVersion).toBe('string')
    return 'success'
  }
  const { code, msg, cniVersion } = JSON.parse(text) as Record<string, unknown>
  expect({ code: numbers.has(code as number), msg: typeof msg, cniVersion: typeof cniVersion }).toEqual({
    code: true,
    msg: 'string',
    cniVersion: 'string',
  })
  return code as number
}

const count = Number(process.env.NATSPACE_CNI_MUTATIONS ?? 5000)

test(`${count} mutated requests give nothing but errors of the specification, and these change nothing`, async () => {
  const seen = new Map<number | 'success', number>()
  let stage = await newStage()
  let left = count
  for (const { environment, text } of hostileRequests(20261123)) {
    if (left-- === 0) break
    const { writes } = stage.kernel
    const told = () => `${JSON.stringify(environment)} ${text.slice(0, 2000)}`
    let kind: number | 'success'
    try {
      kind = kindOf(await send(stage.kernel, environment, text))
    } catch (error) {
      throw new Error(told(), { cause: error })
    }
    seen.set(kind, (seen.get(kind) ?? 0) + 1)
    if (stage.kernel.writes === writes) continue
    if (kind !== 'success') {
      const now = stage.kernel.snapshot()
      // What is taken away is gone for good, also where the plugin that gave the address then fails to have it back.
      const isGone = /DEL|GC/.test(environment.CNI_COMMAND ?? '') && Bun.deepEquals(now, stage.bare)
      if (!isGone && !Bun.deepEquals(now, stage.begin))
        throw new Error(`the request was refused (${kind}), and not without a trace: ${told()}`)
    }
    stage = await newStage()
  }
  const kinds = [...seen.keys()].filter(kind => kind !== 'success').toSorted((one, other) => one - other)
  // What is asked is far enough from nonsense that each kind of error is met, and success too.
  expect(kinds).toEqual(expect.arrayContaining([1, 2, 4, 6, 7, 100, 101, 103, 104]))
  expect(seen.get('success')).toBeGreaterThan(count / 50)
}, 3_600_000)
