import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { NatspaceError } from '../errors.ts'

/** Whether systemd runs this system: what sd_booted(3) looks at. */
export const isBooted = (): boolean =>
  statSync('/run/systemd/system', { throwIfNoEntry: false })?.isDirectory() === true

/** Where the system keeps its programs. The PATH of whoever runs natspace has no say in what root executes. */
const path = '/usr/sbin:/usr/bin:/sbin:/bin'

/** Milliseconds: longer than the units themselves may take. */
const patience = 150_000

/** Runs systemctl to its end. Throws NatspaceError SYSTEMCTL_FAILED with its own words. */
export const systemctl = (...words: readonly string[]): void => {
  const command = ['systemctl', ...words].join(' ')
  const { status, stdout, stderr, error } = spawnSync('systemctl', [...words], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patience,
    env: { PATH: path, LC_ALL: 'C.UTF-8' },
  })
  if (error === undefined && status === 0) return
  const said = `${stderr ?? ''}\n${stdout ?? ''}`.trim().split('\n').filter(Boolean)
  throw new NatspaceError({
    code: 'SYSTEMCTL_FAILED',
    exit: 1,
    what: `cannot run ${command}`,
    why: error === undefined ? `it ended with status ${status}` : error.message,
    evidence: said.slice(0, 10),
    fix: [command],
    cause: error,
  })
}
