import { expect, test } from 'bun:test'
import { elementCommands } from '../ruleset/commands.ts'
import type { Membership } from '../ruleset/elements.ts'
import { withFlushes } from './emptied-sets.ts'

const member = (set: string, number: number): Pick<Membership, 'set' | 'element'> => ({
  set,
  element: { key: [`veth-s${number}`] },
})
const members = (set: string, count: number) => Array.from({ length: count }, (_, at) => member(set, at))
const types = (commands: ReturnType<typeof withFlushes>) =>
  commands
    .map(({ type }) => type)
    .reduce<Record<string, number>>((sum, type) => {
      sum[type] = (sum[type] ?? 0) + 1
      return sum
    }, {})

const each = (set: string, count: number) =>
  members(set, count).flatMap(one => elementCommands('element.delete', [one]))

test('a set that is left empty is flushed once', () => {
  const commands = [...each('spaces', 100), ...each('free', 40)]
  expect(types(withFlushes(commands, set => (set === 'spaces' ? 100 : 41)))).toEqual({
    'set.flush': 1,
    'element.delete': 40,
  })
})

test('the same element twice does not count twice', () => {
  const commands = [...each('spaces', 40), ...each('spaces', 40)]
  expect(withFlushes(commands, () => 80)).toEqual(commands)
})

test('a few are deleted one by one, and so are those of a set that something is added to', () => {
  const few = each('spaces', 3)
  expect(withFlushes(few, () => 3)).toEqual(few)
  const moved = [...each('spaces', 40), ...elementCommands('element.add', [member('spaces', 99)])]
  expect(withFlushes(moved, () => 40)).toEqual(moved)
})
