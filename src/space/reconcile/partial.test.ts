import { describe, expect, test } from 'bun:test'
import { article, publish, spec } from '../../../test/support/up-scenarios.ts'
import type { Change } from '../../linux/change.ts'
import { recordPath } from '../state/records.ts'
import { down } from './down.ts'
import { newHost } from './test-support.ts'
import { planUp, up } from './up.ts'

const specs = [article, spec('b', { publish: [publish({ first: 90, last: 92 })] })]
const names = specs.map(({ name }) => name)

/** The changes of one `up`, and a host on which some of them are carried out, each by itself. */
const stageWith = (keep: (change: Change, index: number) => boolean) => {
  const host = newHost()
  const start = host.kernel.snapshot()
  const changes = planUp(host.context, specs).operations.map(({ change }) =>
    // Whoever does only some of it has another generation of the ruleset than the plan foresaw.
    change.type === 'nftables.commit' ? { ...change, generation: undefined } : change,
  )
  for (const [index, change] of changes.entries()) if (keep(change, index)) host.kernel.change([change])
  return { ...host, start, changes }
}

const count = stageWith(() => false).changes.length
const has = (kernel: ReturnType<typeof newHost>['kernel'], path: string) =>
  kernel.readFile(path) !== undefined

describe('down from every state in which a killed up can leave things', () => {
  for (let done = 1; done <= count; done++)
    test(`after ${done} of ${count} changes`, async () => {
      const { kernel, context, start } = stageWith((_, index) => index < done)
      // What has no record yet, up completes.
      if (!names.every(name => has(kernel, recordPath(context.paths, name)))) await up(context, specs)
      expect(await down(context, names)).toMatchObject({ removed: names, problems: [] })
      expect(kernel.snapshot()).toEqual(start)
    })
})

describe('down, and up, where one thing is missing', () => {
  for (let missing = 0; missing < count; missing++)
    test(`change ${missing + 1} of ${count}`, async () => {
      const stage = () => stageWith((_, index) => index !== missing)
      const { kernel, context, start, changes } = stage()
      const change = changes[missing] as Change
      const { problems } = await down(context, names)
      expect(problems).toEqual([])
      const isRecord = change.type === 'file.write' || change.type === 'directory.add'
      if (!isRecord) expect(kernel.snapshot()).toEqual(start)
      const other = stage()
      if (change.type === 'link.set' && change.where === undefined && change.alias !== undefined) {
        // Without its mark the host end might be anybody's.
        expect(up(other.context, specs)).rejects.toMatchObject({ code: 'INTERFACE_TAKEN' })
        return
      }
      await up(other.context, specs)
      expect((await up(other.context, specs)).changes).toBe(0)
    })
})
