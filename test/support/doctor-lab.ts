import { join } from 'node:path'

/** The doctor in the lab: a process of its own, whose namespaces go with it. */

const source = (path: string) => JSON.stringify(join(import.meta.dir, '../../src', path))

const prelude = `
  import { LinuxKernel } from ${source('linux/linux.ts')}
  import { mountFileSystem } from ${source('linux/sys/namespace.ts')}
  import { statePaths } from ${source('space/state/records.ts')}
  import { buildTopology } from ${source('lab/topology.ts')}
  import { scenarios } from ${source('lab/scenarios/index.ts')}
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

/** Runs a program in a new lab; returns a value for each line that it prints. */
export const inDoctorLab = <T>(program: string): T[] => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [
      ...['unshare', '--net', '--mount', '--propagation', 'private'],
      ...['sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, '-e', prelude + program],
    ],
    { stdin: 'ignore', timeout: 240_000 },
  )
  if (exitCode !== 0) throw new Error(`${stderr.toString()}\n${stdout.toString()}`)
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as T)
}
