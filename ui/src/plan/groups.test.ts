import { expect, test } from 'bun:test'
import { groupsOf } from './groups.ts'

const operation = (number: number, name: string, space: string | null, ...commands: string[]) => ({
  number,
  step: { name, number: null, title: name, why: '' },
  space,
  commands,
})

test('what follows each other and is one step of one space is told once', () => {
  const groups = groupsOf([
    operation(1, 'namespace', 'web', 'a'),
    operation(2, 'namespace', 'web', 'b', 'c'),
    operation(3, 'namespace', 'db', 'd'),
    operation(4, 'table', null),
    operation(5, 'namespace', 'web', 'e'),
  ])
  expect(groups.map(({ first, last, space, commands }) => [first, last, space, commands.join('')])).toEqual([
    [1, 2, 'web', 'abc'],
    [3, 3, 'db', 'd'],
    [4, 4, null, ''],
    [5, 5, 'web', 'e'],
  ])
  expect(groupsOf([])).toEqual([])
})
