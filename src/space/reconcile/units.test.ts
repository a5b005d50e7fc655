import { expect, test } from 'bun:test'
import type { Change } from '../../linux/change.ts'
import { FakeKernel } from '../../linux/fake.ts'
import { applyAll, toUnits } from './apply.ts'
import type { Operation } from './operation.ts'
import { doWork } from './work.ts'

const operation = (change: Change): Operation => ({ change, undo: [], step: 'publish', space: 'web' })
const deletion = (where: string | undefined, address: string): Operation =>
  operation({ type: 'conntrack.delete', where, flows: [{ protocol: 17, originalDestination: address }] })

test('neighbouring deletions of flows in one place become one change', () => {
  const operations = [
    deletion(undefined, '10.0.0.1'),
    deletion(undefined, '10.0.0.2'),
    deletion('/run/netns/web', '10.0.0.3'),
    operation({ type: 'nftables.commit', where: '/run/netns/web', commands: [], generation: undefined }),
    deletion('/run/netns/web', '10.0.0.4'),
  ]
  const units = toUnits(operations)
  expect(units.map(({ operations: { length } }) => length)).toEqual([2, 1, 1, 1])
  expect(units[0]?.change).toEqual({
    type: 'conntrack.delete',
    where: undefined,
    flows: [
      { protocol: 17, originalDestination: '10.0.0.1' },
      { protocol: 17, originalDestination: '10.0.0.2' },
    ],
  })
})

test('and are carried out', () => {
  const kernel = new FakeKernel()
  const flowTo = (destination: string) =>
    kernel.addFlow({
      original: { source: '10.0.0.9', destination, protocol: 17, sourcePort: 1, destinationPort: 2 },
    })
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) flowTo(address)
  doWork(applyAll(kernel, [deletion(undefined, '10.0.0.1'), deletion(undefined, '10.0.0.2')]))
  expect(kernel.flows(undefined).map(({ original }) => original.destination)).toEqual(['10.0.0.3'])
})
