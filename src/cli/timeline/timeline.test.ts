import { expect, test } from 'bun:test'
import type { Change } from '../../linux/change.ts'
import { ChangeError } from '../../linux/change.ts'
import { FakeKernel } from '../../linux/fake.ts'
import { byStage, KernelStages } from './kernel-stages.ts'
import { durations, type Mark, timelineText } from './timeline.ts'

const marks: readonly Mark[] = [
  ['runtime', 2],
  ['comparing', 5],
  ['links read', 6.5],
  ['comparing', 7],
]

test('each stage takes the time since the mark before it, and all of them together the whole', () => {
  const sums = durations(marks)
  expect([...sums]).toEqual([
    ['runtime', 2],
    ['comparing', 3.5],
    ['links read', 1.5],
  ])
  expect([...sums.values()].reduce((sum, value) => sum + value, 0)).toBe(7)
})

test('the text names the beginning, each stage once, and the sum', () => {
  expect(timelineText(marks, 1000.5).split('\n')).toEqual([
    'timeline in milliseconds, from 1000.500 on',
    '     2.000  runtime',
    '     3.500  comparing',
    '     1.500  links read',
    '     7.000  all of these',
    '',
  ])
})

const makeFolder: Change = { type: 'directory.add', path: '/run/x', mode: 0o700 }
const makeNamespace: Change = { type: 'namespace.add', path: '/run/netns/x', mark: 'x' }
const forward: Change = { type: 'sysctl.set', where: undefined, key: 'net.ipv4.ip_forward', value: '1' }

test('changes are cut where the stage changes, and none is lost', () => {
  const changes = [makeFolder, makeFolder, makeNamespace, forward]
  const runs = byStage(changes)
  expect(runs.map(({ stage }) => stage)).toEqual(['records written', 'namespace changed', 'settings changed'])
  expect(runs.flatMap(run => run.changes)).toEqual(changes)
})

test('a watched kernel does what the kernel does, and tells of it', () => {
  const told: string[] = []
  using kernel = new FakeKernel()
  const watched = new KernelStages(stage => void told.push(stage)).watched(kernel)
  expect(watched.links(undefined)).toEqual(kernel.links(undefined))
  const outcomes = watched.change([forward, makeFolder, makeFolder, forward])
  expect(outcomes.map(outcome => (outcome instanceof ChangeError ? outcome.code : outcome))).toEqual([
    'done',
    'done',
    'EEXIST',
    'not-tried',
  ])
  watched.links(undefined)
  expect(watched.writes).toBe(kernel.writes)
  expect(told).toEqual([
    'comparing',
    'links read',
    'comparing',
    'settings changed',
    'records written',
    'verifying',
    'verifying',
  ])
})
