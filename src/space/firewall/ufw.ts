import type { ProgramRun } from '../../linux/change.ts'
import { commentOf, spaceOfComment } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import { readableFile } from './readable.ts'
import { type Way, wayKey } from './way.ts'

/**
 * ufw writes its chains anew from files of its own, so a rule that is to stay is added by its front end. A route rule
 * holds for both address families. Its comment is in ufw's files alone, in hexadecimal, and not in the kernel's rule.
 */

const ruleFiles = ['/etc/ufw/user.rules', '/etc/ufw/user6.rules']

/** The rule for a way in ufw's words. */
const wordsOf = ({ from, to }: Way): string[] => [
  'allow',
  ...(from === undefined ? [] : ['in', 'on', from]),
  ...(to === undefined ? [] : ['out', 'on', to]),
]

const run = (...words: string[]): ProgramRun => ({
  type: 'program.run',
  where: undefined,
  program: 'ufw',
  arguments: ['route', ...words],
})

/** `ufw route allow in on VETH out on UPLINK comment natspace:NAME` */
export const allowByUfw = (way: Way, space: string): ProgramRun =>
  run(...wordsOf(way), 'comment', commentOf(space))

/** `ufw route delete allow in on VETH out on UPLINK` */
export const disallowByUfw = (way: Way): ProgramRun => run('delete', ...wordsOf(way))

/** A route rule without addresses and ports, as ufw keeps it: its interfaces, `in_VETH!out_UPLINK`, and a comment. */
const tuple = /^### tuple ### route:allow any any \S+ any \S+ (\S+) comment=([0-9a-f]+)$/gm

/** The spaces that have rules of ufw. */
export const spacesInUfw = (seen: Observation): string[] =>
  ruleFiles.flatMap(file =>
    [...(readableFile(seen, file) ?? '').matchAll(tuple)].flatMap(
      ([, , comment = '']) => spaceOfComment(Buffer.from(comment, 'hex').toString()) ?? [],
    ),
  )

/** The ways that rules of this space allow, of one address family or of both. */
export const allowedByUfw = (seen: Observation, space: string): Way[] => {
  const found = new Map<string, Way>()
  for (const file of ruleFiles)
    for (const [, interfaces = '', comment = ''] of (readableFile(seen, file) ?? '').matchAll(tuple)) {
      if (Buffer.from(comment, 'hex').toString() !== commentOf(space)) continue
      const from = /^in_([^!]+)/.exec(interfaces)?.[1]
      const to = /(?:^|!)out_([^!]+)$/.exec(interfaces)?.[1]
      const way = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
      found.set(wayKey(way), way)
    }
  return [...found.values()]
}
