/** The view that says why something does not work. */
export const doctor = {
  space: 'Space',
  chooseSpace: 'Choose a space',
  to: 'To (optional)',
  toWhy: 'HOST[:PORT][/PROTOCOL], such as 192.0.2.1:443',
  run: 'Examine',
  running: 'Examining',
  runningWhy: 'Links, addresses, routes, settings and rules are looked at, and probes are sent.',
  cancel: 'Stop',
  empty:
    'Choose a space, and where it should reach, if that is what does not work. The doctor names the one cause first.',
  noSpaces: 'No space is up, so there is none to examine.',
  healthy: 'Nothing is wrong',
  healthyWhy: (count: number) => `${count} things were looked at, and all are as they should be.`,
  found: (count: number) => (count === 1 ? '1 finding' : `${count} findings`),
  severity: { error: 'Error', warning: 'Warning', notice: 'Notice' },
  why: 'Why',
  evidence: 'Evidence',
  fix: 'To mend it',
  noFix: 'No command mends this: see the reason.',
  undo: 'To take that back',
  hides: (count: number) =>
    count === 1
      ? '1 consequence, which goes with its cause'
      : `${count} consequences, which go with their cause`,
  goesWith: 'What follows from it, and is gone with it:',
  fine: (count: number) => `As it should be (${count})`,
  unchecked: (count: number) => `Could not be looked at (${count})`,
  done: (name: string, count: number) => `${name} examined: ${count} findings`,
}
