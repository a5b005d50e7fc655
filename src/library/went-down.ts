import { NatspaceError } from '../space/errors.ts'

/** What ends a stream about a space when the space goes. `seen`: what had been told until then. */
export const wentDown = (name: string, what: string, seen: string): NatspaceError =>
  new NatspaceError({
    code: 'SPACE_WENT_DOWN',
    exit: 1,
    what,
    why: 'the space went down meanwhile',
    evidence: [`until then: ${seen}`],
    fix: [`bring it up again: natspace up ${name}`],
  })
