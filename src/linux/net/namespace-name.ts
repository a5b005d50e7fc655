/** Names of network namespaces, which are file names below /run/netns (ip-netns(8)) and parts of ours. */

/** Bytes. NAME_MAX is 255; the rest leaves room for suffixes of state files (`.json`, a temporary `.PID.tmp`). */
export const MAX_NAMESPACE_NAME = 128

/** Starts with a letter or digit, so it is never `.`, `..`, a hidden file or an option; a slash is not in the set. */
export const NAMESPACE_NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/

/** Whether a namespace of this name may be made and used as a file name. */
export function isNamespaceName(name: string): boolean {
  return NAMESPACE_NAME_PATTERN.test(name)
}
