/** The specification of CNI 1.1.0, requirement by requirement; docs/cni-conformance.md is the list. */
import { expect } from 'bun:test'
import { conformanceCases } from '../support/cni-conformance/cases.ts'
import { runAll } from '../support/cni-conformance/host.ts'
import type { Run } from '../support/cni-conformance/types.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'tc', 'iptables-save', 'sysctl', 'ss', 'nc', 'ping', 'diff', 'cmp')

let runs: ReadonlyMap<string, Run> | undefined

/** All of them run once, when the first is asked for. */
const runOf = (id: string): Run => {
  runs ??= runAll(conformanceCases)
  const run = runs.get(id)
  if (run === undefined) throw new Error(`the case ${id} did not run`)
  return run
}

for (const { id, section, level, says, holds } of conformanceCases)
  test(`${id} (${section}, ${level}): ${says}`, () => {
    const run = runOf(id)
    expect(run.failed).toBe(false)
    holds(run)
  }, 240_000)

test('when all is taken away, everything is as it was before', () => {
  expect(runOf('end').lines).toEqual(['EQUAL'])
}, 240_000)
