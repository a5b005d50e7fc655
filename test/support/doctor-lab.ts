import { join } from 'node:path'

/** The doctor in the lab: a process of its own, whose namespaces go with it. */

const source = (path: string) => JSON.stringify(join(import.meta.dir, '../../src', path))

const prelude = `
  import { LinuxKernel } from ${source('linux/linux.ts')}
  import { mountFileSystem } from ${source('linux/sys/namespace.ts')}
  import { statePaths } from ${source('space/state/records.ts')}
  import { buildTopology } from ${source('lab/topology.ts')}
  import { scenarios } from ${source('lab/scenarios/index.ts')}
  import { isPossible, namedBy } from ${source('lab/scenarios/scenario.ts')}
  import { playScenario, playTogether } from ${source('lab/scenarios/play.ts')}
  mountFileSystem('tmpfs', '/run', 'mode=755')
  const kernel = new LinuxKernel()
  const context = { kernel, paths: statePaths('/run/natspace') }
  buildTopology(kernel)
  const codes = findings => findings.map(({ code }) => code)
  const told = ({ causes, notes }) => ({
    causes: codes(causes),
    hides: causes.flatMap(({ hides }) => codes(hides)),
    notes: codes(notes),
    what: causes.map(({ what, evidence }) => what + ': ' + evidence.join('; ')),
  })
`

/** What the doctor said: codes of what has to be mended, of what is hidden behind, and of what is only noted. */
export type Told = { causes: string[]; hides: string[]; notes: string[]; what: string[] }

const command = (program: string): string[] => [
  ...['unshare', '--net', '--mount', '--propagation', 'private'],
  ...['sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, '-e', prelude + program],
]

const patience = 240_000

const valuesOf = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as T)

/** Runs a program in a new lab; returns a value for each line that it prints. */
export const inDoctorLab = <T>(program: string): T[] => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command(program), { stdin: 'ignore', timeout: patience })
  if (exitCode !== 0) throw new Error(`${stderr.toString()}\n${stdout.toString()}`)
  return valuesOf(stdout.toString())
}

/** Labs that work at once: most of the time each of them waits for an answer that does not come. */
const labs = 4

/**
 * Runs a program for each of `count` items, shared out among several labs. It finds the number of its item in `place`, and
 * calls `tell` with one value for it. Returns the values in order.
 */
export const inDoctorLabs = async <T>(count: number, program: string): Promise<T[]> => {
  const shares = Array.from({ length: labs }, async (_, share) => {
    const loop = `
      for (let place = ${share}; place < ${count}; place += ${labs}) {
        const tell = value => console.log(JSON.stringify({ place, value }))
        ${program}
      }`
    const lab = Bun.spawn(command(loop), {
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      timeout: patience,
    })
    const [output, errors] = await Promise.all([
      new Response(lab.stdout).text(),
      new Response(lab.stderr).text(),
    ])
    if ((await lab.exited) !== 0) throw new Error(`${errors}\n${output}`)
    return valuesOf<{ place: number; value: T }>(output)
  })
  const told = (await Promise.all(shares)).flat()
  return told.sort((a, b) => a.place - b.place).map(({ value }) => value)
}
