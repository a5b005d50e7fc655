import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Story } from '../../insight/trace/story.ts'
import { FakeKernel } from '../../linux/fake.ts'
import type { ChainSpec, Family, NftCommand } from '../../linux/nftables/index.ts'
import { drop, jump, rule } from '../../linux/nftables/index.ts'
import { newHost } from '../../space/reconcile/test-support.ts'
import { up } from '../../space/reconcile/up.ts'
import { validateSpec } from '../../space/spec/validate.ts'
import type { PipelineHook } from '../protocol.ts'
import { readPipeline } from './pipeline.ts'

const base = (
  name: string,
  hook: NonNullable<ChainSpec['hook']>,
  priority: number,
  type: 'filter' | 'nat' = 'filter',
): ChainSpec => ({ name, type, hook, priority, policy: 'accept' })

/** Tables one after another, as they would be made. */
const hostWith = (...tables: { family: Family; name: string; chains: ChainSpec[] }[]): FakeKernel => {
  const kernel = new FakeKernel()
  for (const { family, name: table, chains } of tables) {
    const commands: NftCommand[] = [
      { type: 'table.add', family, table },
      ...chains.map((chain): NftCommand => ({ type: 'chain.add', family, table, chain })),
    ]
    for (const outcome of kernel.change([
      { type: 'nftables.commit', where: undefined, commands, generation: undefined },
    ]))
      if (outcome !== 'done') throw outcome
  }
  return kernel
}

const names = (pipeline: PipelineHook[], hook: string) =>
  pipeline
    .find(item => item.hook === hook)
    ?.chains.map(({ family, table, name, stage }) => `${family} ${table} ${name} (${stage})`)

test('chains of all tables stand in the order of the kernel: nat at its place, of equals the later first', () => {
  const kernel = hostWith(
    {
      family: 'inet',
      name: 'one',
      chains: [base('early', 'prerouting', -300), base('late', 'prerouting', 0)],
    },
    { family: 'ip', name: 'two', chains: [base('dnat', 'prerouting', -90, 'nat')] },
    { family: 'inet', name: 'three', chains: [base('same', 'prerouting', 0)] },
    { family: 'inet', name: 'four', chains: [base('before', 'prerouting', -95)] },
    { family: 'ip6', name: 'six', chains: [base('other', 'prerouting', 0)] },
    { family: 'bridge', name: 'frames', chains: [base('frames', 'prerouting', 0)] },
  )
  const pipeline = readPipeline(kernel, undefined, 4)
  expect(pipeline.map(({ hook }) => hook)).toEqual([
    'prerouting',
    'input',
    'forward',
    'output',
    'postrouting',
  ])
  expect(names(pipeline, 'prerouting')).toEqual([
    'inet one early (raw)',
    'ip two dnat (dstnat + 10)',
    'inet four before (dstnat + 5)',
    'inet three same (filter)',
    'inet one late (filter)',
  ])
  expect(names(readPipeline(kernel, undefined, 6), 'prerouting')).toContain('ip6 six other (filter)')
})

test('tables of traces decide nothing, and are left out', () => {
  const kernel = hostWith({
    family: 'inet',
    name: 'natspace-trace-4711-1',
    chains: [base('prerouting-first', 'prerouting', -500)],
  })
  expect(names(readPipeline(kernel, undefined, 4), 'prerouting')).toEqual([])
})

test('our own chains say what they are for, with the chains that they lead to, once each', async () => {
  const { kernel, context } = newHost()
  await up(context, [validateSpec('web', { publish: ['8080:80'] })])
  const forward = readPipeline(kernel, undefined, 4).find(({ hook }) => hook === 'forward')?.chains[0]
  expect(forward).toMatchObject({ owner: 'natspace', policy: 'accept', stage: 'filter' })
  expect(forward?.about).toContain('Packets that pass through this host')
  const reached = forward?.leadsTo.map(({ name }) => name) ?? []
  expect(reached).toContain('outward')
  expect(reached).toContain('leaving')
  expect(new Set(reached).size).toBe(reached.length)
  expect(forward?.leadsTo.find(({ name }) => name === 'to_space')?.about).toContain('reach a space')
})

test('of a chain of thousands of rules the number of those that are not told is', () => {
  const kernel = hostWith({
    family: 'inet',
    name: 'many',
    chains: [base('forward', 'forward', 0), { name: 'long' }],
  })
  const commands: NftCommand[] = [
    { type: 'rule.add', family: 'inet', table: 'many', chain: 'forward', rule: rule([jump('long')]) },
    ...Array.from(
      { length: 1500 },
      (): NftCommand => ({
        type: 'rule.add',
        family: 'inet',
        table: 'many',
        chain: 'long',
        rule: rule([drop()]),
      }),
    ),
  ]
  kernel.change([{ type: 'nftables.commit', where: undefined, commands, generation: undefined }])
  const [chain] = readPipeline(kernel, undefined, 4).find(({ hook }) => hook === 'forward')?.chains ?? []
  expect(chain?.rules).toEqual([{ text: 'jump long' }])
  expect(chain?.leadsTo[0]).toMatchObject({ name: 'long', more: 500 })
  expect(chain?.leadsTo[0]?.rules).toHaveLength(1000)
})

test('every rule of a recorded walk is found in its pipeline, word for word', () => {
  for (const name of ['walk-ping', 'walk-inbound', 'walk-dropped']) {
    const file = new URL(`../../../ui/fixtures/${name}.json`, import.meta.url)
    const walk = JSON.parse(readFileSync(file, 'utf8')) as {
      story: Story
      pipelines: Record<'inside' | 'host', PipelineHook[]>
    }
    const told = walk.story.events.flatMap(({ point, hook, chain, rules }) => {
      const place = point === 'inside' ? 'inside' : 'host'
      const found = walk.pipelines[place]
        .find(item => item.hook === hook)
        ?.chains.find(item => item.table === chain?.table && item.name === chain.name)
      return rules.map(item => ({
        text: item.text,
        isFound: [found, ...(found?.leadsTo ?? [])].some(
          part => part?.name === item.chain && part.rules.some(({ text }) => text === item.text),
        ),
      }))
    })
    expect(told.length).toBeGreaterThan(0)
    expect(told.filter(({ isFound }) => !isFound)).toEqual([])
  }
})
