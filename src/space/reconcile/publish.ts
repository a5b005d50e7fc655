import { NatspaceError } from '../errors.ts'
import { fieldSite } from '../spec/fault.ts'
import { formatPublish } from '../spec/publish.ts'
import { formatPublishedPort, matchPublished, type PublishedPort } from '../spec/published-port.ts'
import { specOf } from '../spec/spec-of.ts'
import type { Publish, ResolvedSpace } from '../spec/types.ts'
import { checkIpv6 } from '../spec/validate-policy.ts'
import { readSpaceRecord, recordedNames } from '../state/records.ts'
import { notFound } from './status.ts'
import type { Context, PublishResult } from './types.ts'
import { upAsChosen } from './up.ts'

/**
 * Theory of operation. To publish a port of a space that is up is to bring the same space up again with one port more:
 * everything that was chosen for it is asked for explicitly (spec-of.ts), so nothing else of it changes, and what changes
 * in the ruleset goes in one batch. The record is read under the lock, as two who publish at once must not forget each
 * other's ports.
 */

type Options = { lockPatience?: number }

/**
 * Publishes ports of a space that is up, beside those it has; a port that is published already is left as it is. Throws
 * NatspaceError NOT_FOUND, DUPLICATE_PORT, and as `up` does.
 */
export const publish = (
  context: Context,
  name: string,
  publishes: readonly Publish[],
  options: Options = {},
): Promise<PublishResult> =>
  change(context, name, options, ({ publish: present }) => {
    const known = new Set(present.map(formatPublish))
    const added = [...byText(publishes)].flatMap(([text, item]) => (known.has(text) ? [] : [item]))
    return { publish: [...present, ...added], changed: added }
  })

/**
 * Takes published ports away from a space that is up. Each is named by its port of the host; the address of the host and
 * the port inside may be left out. Throws NatspaceError NOT_FOUND, NOT_PUBLISHED, AMBIGUOUS_PORT, and as `up` does.
 */
export const unpublish = (
  context: Context,
  name: string,
  ports: readonly PublishedPort[],
  options: Options = {},
): Promise<PublishResult> =>
  change(context, name, options, space => {
    const removed = new Set(ports.map(port => publishedAs(space, port)))
    return {
      publish: space.publish.filter(item => !removed.has(item)),
      changed: space.publish.filter(item => removed.has(item)),
    }
  })

const byText = (publishes: readonly Publish[]): Map<string, Publish> =>
  new Map(publishes.map(item => [formatPublish(item), item]))

type Choice = { publish: Publish[]; changed: Publish[] }

const change = async (
  context: Context,
  name: string,
  options: Options,
  choose: (space: ResolvedSpace) => Choice,
): Promise<PublishResult> => {
  const { kernel, paths } = context
  let changed: Publish[] = []
  const { plan, changes } = await upAsChosen(
    context,
    () => {
      const record = readSpaceRecord(kernel, paths, name)
      if (record === undefined) throw notFound(name, recordedNames(kernel, paths))
      const choice = choose(record.space)
      changed = choice.changed
      const spec = { ...specOf(record.space), publish: choice.publish }
      checkIpv6(spec, fieldSite)
      return [spec]
    },
    options,
  )
  return { plan, changes, space: plan.spaces[0] as ResolvedSpace, changed }
}

/** The one published port that is meant. */
const publishedAs = (space: ResolvedSpace, wanted: PublishedPort): Publish => {
  const [only, ...others] = matchPublished(wanted, space.publish)
  if (only === undefined) throw notPublished(space, wanted)
  if (others.length > 0) throw ambiguous(space, wanted, [only, ...others])
  return only
}

const listOf = (publishes: readonly Publish[]): string => publishes.map(formatPublish).join(', ') || 'none'

const notPublished = ({ name, publish: present }: ResolvedSpace, wanted: PublishedPort): NatspaceError =>
  new NatspaceError({
    code: 'NOT_PUBLISHED',
    exit: 2,
    what: `cannot unpublish ${formatPublishedPort(wanted)} of ${name}`,
    why: 'the space does not publish it',
    evidence: [`published: ${listOf(present)}`],
    fix: [
      present.length === 0
        ? `natspace status ${name} shows what is published`
        : 'write it as it stands there',
    ],
  })

const ambiguous = (
  { name }: ResolvedSpace,
  wanted: PublishedPort,
  rivals: readonly Publish[],
): NatspaceError =>
  new NatspaceError({
    code: 'AMBIGUOUS_PORT',
    exit: 2,
    what: `cannot unpublish ${formatPublishedPort(wanted)} of ${name}`,
    why: 'the space publishes it on several addresses of this host',
    evidence: [`published: ${listOf(rivals)}`],
    fix: ['write which of them, with its address'],
  })
