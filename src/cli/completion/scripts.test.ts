import { expect, test } from 'bun:test'
import { commandNames, loadCommands } from '../registry.ts'
import { commandFacts } from './facts.ts'
import { fishScript } from './fish.ts'
import { zshScript } from './zsh.ts'

/** Apostrophes are the only thing that could end a text early: no script may hold an odd number in a line. */
const unbalanced = (lines: readonly string[]): string[] =>
  lines.filter(line => !line.startsWith('#') && (line.match(/'/g)?.length ?? 0) % 2 === 1)

test('zsh and fish know every command and option', async () => {
  const facts = (await loadCommands()).map(commandFacts)
  const zsh = zshScript(facts)
  const fish = fishScript(facts)
  expect(zsh[0]).toBe('#compdef natspace')
  for (const name of commandNames) {
    expect(zsh.some(line => line.startsWith(`        '${name}:`))).toBe(true)
    expect(fish.some(line => line.includes(`-a ${name} -d '`))).toBe(true)
  }
  for (const { name, options } of facts)
    for (const { long } of options) {
      expect(zsh.find(line => line.trimStart().startsWith(`${name}) `))).toContain(`'*${long}`)
      expect(
        fish.some(
          line =>
            line.includes(`__fish_seen_subcommand_from ${name}'`) && line.includes(`-l ${long.slice(2)} `),
        ),
      ).toBe(true)
    }
  expect(unbalanced([...zsh, ...fish])).toEqual([])
})
