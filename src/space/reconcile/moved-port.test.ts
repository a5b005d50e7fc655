import { expect, test } from 'bun:test'
import { publish, spec } from '../../../test/support/up-scenarios.ts'
import type { SpaceSpec } from '../spec/types.ts'
import { status } from './status.ts'
import { newHost } from './test-support.ts'
import { up } from './up.ts'

const range = publish({ first: 79, last: 81 })

/** Ports that go from one space to another in one `up`, whichever is listed first. */
const moves: [string, SpaceSpec[], SpaceSpec[]][] = [
  [
    'a part of a range',
    [spec('a', { publish: [range] })],
    [spec('b', { publish: [publish(80)] }), spec('a')],
  ],
  [
    'a range around it',
    [spec('a', { publish: [publish(80)] })],
    [spec('b', { publish: [range] }), spec('a')],
  ],
  [
    'the same port',
    [spec('a', { publish: [publish(80)] })],
    [spec('b', { publish: [publish(80)] }), spec('a')],
  ],
  [
    'two that are exchanged',
    [spec('a', { publish: [publish(80)] }), spec('b', { publish: [publish(81)] })],
    [spec('a', { publish: [publish(81)] }), spec('b', { publish: [publish(80)] })],
  ],
  [
    'ranges that overlap, in both directions',
    [spec('a', { publish: [range] }), spec('b', { publish: [publish({ first: 90, last: 95 })] })],
    [spec('a', { publish: [publish({ first: 92, last: 93 })] }), spec('b', { publish: [publish(80)] })],
  ],
]

for (const [name, first, second] of moves)
  for (const order of ['listed', 'reversed'])
    test(`${name}, ${order}`, async () => {
      const { context } = newHost()
      await up(context, first)
      await up(context, order === 'listed' ? second : second.toReversed())
      expect(status(context).flatMap(({ drift }) => drift)).toEqual([])
    })
