import { readFilter } from '../../insight/capture/read-filter.ts'
import { parseOrigin } from '../../insight/trace/origin.ts'
import { notFound } from '../../space/reconcile/status.ts'
import { quote } from '../../space/spec/quote.ts'
import { readSpaceRecord, recordedNames } from '../../space/state/records.ts'
import { openContext } from '../context.ts'
import { usageError } from '../options.ts'
import type { Output } from '../output.ts'
import { requirePrivilege } from '../privilege.ts'
import { followFlows } from './follow.ts'
import { openTraceFile } from './save.ts'
import { parseTimeout } from './timeout.ts'
import { parseVerdicts } from './verdicts.ts'

type Following = {
  name: string
  /** The words of a program; none: until somebody ends it. */
  command: readonly string[]
  options: {
    from?: string | undefined
    filter?: string | undefined
    verdict?: string[] | undefined
    limit?: string | undefined
    timeout?: string | undefined
    asRoot?: boolean | undefined
    save?: string | undefined
  }
  output: Output
  environment: Readonly<Record<string, string | undefined>>
}

/** `natspace trace NAME --follow`, `--from HOST` and `-- PROGRAM`. Returns the exit status; throws NatspaceError. */
export const runFollowing = async ({
  name,
  command,
  options,
  output,
  environment,
}: Following): Promise<number> => {
  const from = options.from === undefined ? undefined : parseOrigin(options.from)
  const filter = readFilter(options.filter ?? '')
  const verdicts = parseVerdicts(options.verdict)
  const limit = parseLimit(options.limit)
  const timeout = parseTimeout(options.timeout)
  requirePrivilege('trace')
  const { kernel, paths } = openContext(environment)
  using _kernel = kernel
  const record = readSpaceRecord(kernel, paths, name)
  if (record === undefined) throw notFound(name, recordedNames(kernel, paths))
  using file = openTraceFile(kernel, options.save)
  return await followFlows({
    kernel,
    space: record.space,
    follow: { timeout, filter, ...(from === undefined ? {} : { from }) },
    verdicts,
    limit,
    program:
      command.length === 0
        ? undefined
        : { command, options: { asRoot: options.asRoot === true, hasJson: output.json } },
    file,
    output,
  })
}

/** Throws NatspaceError BAD_NUMBER. */
const parseLimit = (text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit > 0) return limit
  throw usageError('BAD_NUMBER', `Cannot use --limit ${quote(text)}`, 'it is a number of flows, from 1 on', [
    'write --limit 10',
  ])
}
