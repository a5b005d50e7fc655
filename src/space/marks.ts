/** The marks by which natspace knows its own: whatever lacks them is never changed or removed. */

/**
 * The alias of both ends of a cable, and of the loopback of a namespace that natspace made (`ip link show` prints it).
 * `owner` tells state folders apart that work on one host: '' for the usual one, see `StatePaths`.
 */
export const aliasOf = (space: string, owner = ''): string => `natspace:${space}${owner}`

/** The space an alias speaks of, whichever state folder it belongs to; undefined when it is not ours. */
export const spaceOfAlias = (alias: string | undefined): string | undefined =>
  alias?.startsWith('natspace:') ? alias.slice('natspace:'.length).split('@', 1)[0] : undefined

/** What tells the state folder of an alias of ours; '' for the usual one. */
export const ownerInAlias = (alias: string | undefined): string => {
  const at = alias?.indexOf('@') ?? -1
  return at < 0 ? '' : (alias ?? '').slice(at)
}

/** What stands behind the name in an alias of another than the usual state folder. No name of a space has an @. */
export const ownerOf = (root: string): string =>
  `@${root.length <= longestRoot ? root : root.slice(-longestRoot)}`

/** With it, `natspace:` and the longest name of a space an alias has the 255 bytes that the kernel allows, at most. */
const longestRoot = 100

/** The comment of a rule that natspace put into somebody else's chain. */
export const commentOf = (space: string): string => `natspace:${space}`

/** The space that such a comment speaks of; undefined when it is not ours. */
export const spaceOfComment = (comment: string | undefined): string | undefined =>
  comment?.startsWith('natspace:') ? comment.slice('natspace:'.length) : undefined

/** Our only nftables table. */
export const tableName = 'natspace'
