import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, testUnless } from './tools.ts'

/**
 * systemd's own opinion of what is written for it. `npm test` unpacks its package into build/second-opinions and installs
 * nothing; its programs run from there and start no unit.
 */

const folder = join(import.meta.dirname, '../../build/second-opinions/systemd')
const usr = join(folder, 'root/usr')

/** Debian's folders of libraries for one architecture, such as x86_64-linux-gnu, and systemd's own below it. */
const libraries = (): string =>
  readdirSync(join(usr, 'lib'))
    .filter(name => name.endsWith('-linux-gnu'))
    .flatMap(name => [join(usr, 'lib', name, 'systemd'), join(usr, 'lib', name)])
    .join(':')

/** The `test` to use where a test needs systemd: skipped with its reason, or failing where it is promised. */
export const requireSystemd = (): Test =>
  testUnless(
    existsSync(join(folder, 'unpacked'))
      ? undefined
      : 'needs systemd, which `npm test` fetches into build/second-opinions',
    'run `npm test` as root',
  )

/** Environment and path with which one of systemd's own programs runs from where it is unpacked. */
export const systemdProgram = (name: string): { path: string; environment: Record<string, string> } => ({
  path: [join(usr, 'bin', name), join(usr, 'lib/systemd', name)].find(path => existsSync(path)) ?? name,
  environment: { LD_LIBRARY_PATH: libraries() },
})

/** What `systemd-analyze verify` says about units by their file names; '' when all is well. */
export const verifyUnits = (units: Readonly<Record<string, string>>): string => {
  const home = mkdtempSync(join(tmpdir(), 'natspace-'))
  const { path, environment } = systemdProgram('systemd-analyze')
  try {
    const files = Object.entries(units).map(([name, text]) => {
      writeFileSync(join(home, name), text)
      return join(home, name)
    })
    const { status, stdout, stderr, error } = spawnSync(path, ['verify', '--man=no', ...files], {
      encoding: 'utf8',
      timeout: 30_000,
      env: {
        ...process.env,
        ...environment,
        SYSTEMD_UNIT_PATH: `${home}:${join(usr, 'lib/systemd/system')}`,
      },
    })
    if (error) throw error
    // What it says of units that are not ours is about the machine.
    const said = `${stdout}${stderr}`
      .split('\n')
      .filter(line => Object.keys(units).some(name => line.includes(name)))
    return status === 0 && said.length === 0 ? '' : `status ${status}\n${said.join('\n')}`
  } finally {
    rmSync(home, { recursive: true })
  }
}
