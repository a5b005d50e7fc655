/** What the kernel gives back for the rules of the table is known beforehand, so that looking at them takes no time. */
import { beforeAll, expect, test } from 'bun:test'
import { LinuxKernel } from '../../src/linux/linux.ts'
import type { NftCommand } from '../../src/linux/nftables/index.ts'
import { deleteTable, tableCommands } from '../../src/space/ruleset/commands.ts'
import { isEcho } from '../../src/space/ruleset/rule-echo.ts'
import { requireSandbox, run } from '../support/sandbox.ts'

beforeAll(requireSandbox)

/** The chains of the table as they are when `harm` has been done to it; without an echo: the rules that are not known. */
const unknownAfter = (harm: () => void): string[] => {
  using kernel = new LinuxKernel()
  const commit = (commands: NftCommand[]) =>
    expect(
      kernel.change([{ type: 'nftables.commit', where: undefined, commands, generation: undefined }]),
    ).toEqual(['done'])
  commit(tableCommands())
  try {
    harm()
    const [table] = kernel.ruleset(undefined, { family: 'inet', table: 'natspace' }).tables
    return (table?.chains ?? []).flatMap(({ name, rules }) =>
      rules.flatMap((rule, index) => (isEcho(name, index, rule) ? [] : [`${name} ${index}`])),
    )
  } finally {
    commit([deleteTable()])
  }
}

test('every rule is known again (else: bun scripts/generate-table-bytes.ts)', () => {
  expect(unknownAfter(() => {})).toEqual([])
})

test('a rule that somebody changed, and those behind one that is new, are not', () => {
  const harm = () =>
    run('nft', ['insert', 'rule', 'inet', 'natspace', 'forward', 'ip', 'saddr', '192.0.2.1', 'accept'])
  const unknown = unknownAfter(() => void harm())
  expect(unknown[0]).toBe('forward 0')
  expect(unknown.every(name => name.startsWith('forward '))).toBe(true)
})
