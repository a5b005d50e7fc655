/** The few parts of resolv.conf(5) that natspace has to understand. */

/** The servers of a file, in order, and the lines beside them that say how to ask (`search`, `options`…), as they stand. */
export type ResolvConf = { servers: string[]; lines: string[] }

/** More are ignored by every resolver library (MAXNS of resolv.h). */
const mostServers = 3

/** Reads a resolv.conf: comments and what no resolver knows are left out. Blanks before a keyword are forgiven. */
export const parseResolvConf = (text: string): ResolvConf => {
  const servers: string[] = []
  const lines: string[] = []
  for (const line of text.split('\n')) {
    const [keyword, value] = line.trim().split(/\s+/)
    if (keyword === 'nameserver' && value !== undefined) servers.push(value)
    if (keyword !== undefined && /^(?:search|domain|options|sortlist)$/.test(keyword)) lines.push(line.trim())
  }
  return { servers, lines }
}

/** The text of a resolv.conf with the first three of `servers`. */
export const formatResolvConf = ({ servers, lines }: ResolvConf): string =>
  [...servers.slice(0, mostServers).map(server => `nameserver ${server}`), ...lines]
    .map(line => `${line}\n`)
    .join('')
