/**
 * What iptables-save printed with one space there, for so many of them: a line that `rename` changes is the space's own, and
 * comes once for each number; any other is what all share, and comes once. Pure.
 */
export const multiplied = (
  saved: string,
  count: number,
  rename: (line: string, number: number) => string,
): string =>
  saved
    .split('\n')
    .filter(line => !line.startsWith('#'))
    .flatMap(line =>
      rename(line, 0) === line ? [line] : Array.from({ length: count }, (_, number) => rename(line, number)),
    )
    .join('\n')
