import type { NatspaceError } from '../errors.ts'
import type { Drift } from '../reconcile/operation.ts'
import type { Warning } from '../reconcile/types.ts'
import type { Channel, Culprit } from './sign.ts'

/** The way out of the host, as far as spaces depend on it. */
export type Uplink = { name: string; mtu: number; addresses: string[] }

/** Something that a watch tells. Times are in milliseconds since 1970. */
export type WatchReport =
  /** The first: what is watched, and how it is. */
  | { type: 'snapshot'; time: number; spaces: { name: string; drift: Drift[] }[]; uplink: Uplink | undefined }
  | ({ type: 'event'; time: number } & WatchEvent)
  /** The kernel dropped signs, as they came faster than they were read: everything was read anew. */
  | { type: 'lost'; time: number; channel: Channel }
  /** The last. */
  | { type: 'end'; time: number; repairs: number; lost: number }

/** What has happened to the spaces that are named, and who did it as far as the kernel tells. */
export type WatchEvent =
  /** Something differed and was put right; milliseconds from the first sign of it until it was. */
  | {
      event: 'repaired'
      spaces: string[]
      drift: Drift[]
      by: Culprit[]
      changes: number
      milliseconds: number
    }
  /** Something differs and stays so: in a dry run, or as nothing of ours can put it right. */
  | { event: 'differs'; spaces: string[]; drift: Drift[]; by: Culprit[] }
  /** What differed is right again, and it was not this watch that repaired it. */
  | { event: 'recovered'; spaces: string[] }
  /** A repair failed, and everything is as it was; it is tried again, at the latest after so many milliseconds. */
  | { event: 'failed'; spaces: string[]; drift: Drift[]; by: Culprit[]; error: NatspaceError; again: number }
  /** Somebody undoes each repair: the spaces are left alone for so many milliseconds. */
  | {
      event: 'fight'
      spaces: string[]
      over: string
      repairs: number
      drift: Drift[]
      by: Culprit[]
      pause: number
    }
  /** Another natspace had died at work: what it had begun is completed or undone. */
  | { event: 'settled'; warning: Warning }
  /** The kernel could not be read, such as in the midst of a storm; it is tried again after so many milliseconds. */
  | { event: 'trouble'; message: string; again: number }
  /** The pause after a fight is over. */
  | { event: 'resumed'; spaces: string[] }
  /** Repaired too often within a minute: the next repair comes after so many milliseconds. */
  | { event: 'waits'; spaces: string[]; drift: Drift[]; by: Culprit[]; pause: number }
  /** Another natspace brought a space up, changed it or took it down; from now on that is followed. */
  | { event: 'space'; space: string; change: 'up' | 'changed' | 'down' }
  /** The way out has changed. */
  | { event: 'uplink'; before: Uplink | undefined; after: Uplink | undefined }
