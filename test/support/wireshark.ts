import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Test, testUnless } from './tools.ts'

/**
 * Wireshark's programs for files of packets: tshark, capinfos, editcap. `npm test` unpacks their package and its libraries
 * into build/second-opinions and installs none of them; they run from there.
 */

const folder = join(import.meta.dirname, '../../build/second-opinions/wireshark')
const usr = join(folder, 'root/usr')

/** Debian's folder of libraries for one architecture, such as x86_64-linux-gnu. */
const libraries = (): string =>
  readdirSync(join(usr, 'lib'))
    .filter(name => name.endsWith('-linux-gnu'))
    .map(name => join(usr, 'lib', name))
    .join(':')

/** Who is told it is dangerous to run this as root has asked for it. */
const asRoot = /^Running as user "root" and group "root"\. This could be dangerous\.$\n?/gm

type Files = { readonly [name: string]: Uint8Array }
type Program = 'tshark' | 'capinfos' | 'editcap'

/**
 * Runs one of the programs in a new folder that holds `files`, without anybody's settings. `read` gets the folder before it is
 * removed. Throws when the program fails, or when it says anything but what was asked for.
 */
export const runWireshark = <T>(
  program: Program,
  args: readonly string[],
  files: Files,
  read: (stdout: string, folder: string) => T,
): T => {
  const home = mkdtempSync(join(tmpdir(), 'natspace-'))
  try {
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(home, name), bytes)
    const { status, stdout, stderr, error } = spawnSync(join(usr, 'bin', program), args, {
      cwd: home,
      encoding: 'utf8',
      timeout: 30_000,
      maxBuffer: 64 * 1024 * 1024,
      env: {
        ...process.env,
        LD_LIBRARY_PATH: libraries(),
        WIRESHARK_DATA_DIR: join(usr, 'share/wireshark'),
        HOME: home,
        XDG_CONFIG_HOME: home,
      },
    })
    if (error) throw error
    const said = stderr.replace(asRoot, '')
    if (status !== 0 || said !== '') throw new Error(`${program} ended with ${status} and said:\n${said}`)
    return read(stdout, home)
  } finally {
    rmSync(home, { recursive: true })
  }
}

/** The `test` to use where a test needs these programs: skipped with its reason, or failing where they are promised. */
export const requireWireshark = (): Test =>
  testUnless(
    existsSync(join(folder, 'unpacked'))
      ? undefined
      : 'needs tshark, which `npm test` fetches into build/second-opinions',
    'run `npm test` as root',
  )
