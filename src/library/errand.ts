import type { Identity } from '../linux/sys/process.ts'
import type { Resolver } from '../space/resolver/resolver.ts'

/** What the second start of a program (program-entry.ts) is told, beside the program's arguments. */
export type Errand = {
  /** Of the space, for /etc/netns/NAME. */
  name: string
  resolver: Resolver
  /** Path of the program. */
  program: string
  argv0: string
  /** Where it starts. */
  folder: string
  /** Whom it becomes; without it, it stays who it is. */
  identity?: Identity
  /** Descriptors that are handed on beside the standard three. */
  kept: number[]
}

/** Holds, as JSON, the variables that are for the program and would change what the runtime does. */
export const heldVariable = 'NATSPACE_HELD'

const meantForRuntimes = /^(NODE|BUN)_/

/** An environment in which the runtime starts as usual, and from which program-entry.ts restores the one that was given. */
export const holdBack = (
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> => {
  const given = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  const held = given.filter(([key]) => meantForRuntimes.test(key))
  return {
    ...Object.fromEntries(given.filter(([key]) => !meantForRuntimes.test(key))),
    ...(held.length === 0 ? {} : { [heldVariable]: JSON.stringify(Object.fromEntries(held)) }),
  }
}
