/** The marks by which natspace knows its own: whatever lacks them is never changed or removed. */

/** The alias of both ends of a cable (`ip link show` prints it). */
export const aliasOf = (space: string): string => `natspace:${space}`

/** The space an alias speaks of; undefined when it is not ours. */
export const spaceOfAlias = (alias: string | undefined): string | undefined =>
  alias?.startsWith('natspace:') ? alias.slice('natspace:'.length) : undefined

/** The comment of a rule that natspace put into somebody else's chain. */
export const commentOf = (space: string): string => `natspace:${space}`

/** Our only nftables table. */
export const tableName = 'natspace'
