// Counts out of what the test runners print.

const colour = /\u001b\[[0-9;]*m/g

const sum = (text, pattern) =>
  [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0)

/**
 * `{passed, failed, skipped}` of one run, out of bun's summary (` 3 pass`) or that of node:test (`# pass 3`, or
 * `ℹ pass 3`). Whatever else went wrong (a status other than 0 with no failure counted, or no test at all) counts
 * as one failure, so that a run which did not happen can never look like one which passed.
 */
export function tally({ code, output }) {
  const text = output.replace(colour, '')
  const bun = word => sum(text, new RegExp(`^ *(\\d+) ${word}$`, 'gm'))
  const node = word => sum(text, new RegExp(`^(?:#|ℹ) ${word} (\\d+)$`, 'gm'))
  const passed = bun('pass') + node('pass')
  const skipped = bun('skip') + bun('todo') + node('skipped') + node('todo')
  let failed = bun('fail') + node('fail') + node('cancelled')
  if (failed === 0 && (code !== 0 || passed + skipped === 0)) failed = 1
  return { passed, failed, skipped }
}

/** The reasons of skipped tests, each once: test/support/tools.ts prints them. */
export const skipReasons = output => [
  ...new Set([...output.matchAll(/skipped: (needs [^\n)]+)/g)].map(match => match[1])),
]

/** The names of tests that failed, each once, as bun and node print them. */
export const failedTests = output => [
  ...new Set(
    [...output.replace(colour, '').matchAll(/^(?:\(fail\)|✖) (.+?)(?: [[(][\d.]+ ?ms[\])])?$/gm)].map(
      match => match[1],
    ),
  ),
]

/** The summary as a table of plain text. Each group is `{name, passed, failed, skipped, seconds}`. */
export function table(groups) {
  const head = ['group', 'passed', 'failed', 'skipped', 'seconds']
  const rows = groups.map(({ name, passed, failed, skipped, seconds }) => [
    name,
    passed,
    failed,
    skipped,
    seconds.toFixed(1),
  ])
  const cells = [head, ...rows].map(row => row.map(String))
  const widths = head.map((_, column) => Math.max(...cells.map(row => row[column].length)))
  const line = row =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')
  return cells.map(line).join('\n')
}
