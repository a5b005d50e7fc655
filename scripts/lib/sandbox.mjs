// Where the kernel tests run: namespaces of their own, in which there is no way out and nothing of the machine.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, root } from './run.mjs'

const isRoot = process.getuid() === 0

/** An unprivileged user of every Debian machine (nobody), as whom root tests the rootless way. */
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all']

// /run holds the names of namespaces and the state of natspace: the sandbox has its own, and its own scratch folders. What
// the runtime would keep there of sources it has read is of no use to anybody, and would be taken for something left behind.
const enter = `mount -t tmpfs -o mode=755 sandbox /run && mkdir -m 1777 /run/home /run/tmp && ip link set lo up || exit 1
export HOME=/run/home TMPDIR=/run/tmp BUN_RUNTIME_TRANSPILER_CACHE_PATH=0; exec "$@"`

const isolate = flags => ['unshare', flags, '--propagation', 'private', 'sh', '-c', enter, 'sandbox']

/** A sandbox of root itself: new network and mount namespaces, real privileges. */
export const rootSandbox = () => ({
  as: 'root',
  how: 'root, in namespaces of its own',
  prefix: isolate('-nm'),
})

/**
 * A sandbox as an ordinary user has it, inside a new user namespace. Root becomes `nobody` first; where nobody may
 * not read the checkout or run `programs`, root itself enters the user namespace, and `how` says so.
 */
export function userSandbox(programs) {
  const prefix = isolate('-Urnm')
  if (!isRoot) return { as: 'user', how: 'you, in a user namespace', prefix }
  const closed = closedToNobody(programs)
  if (closed === undefined)
    return { as: 'user', how: 'nobody, in a user namespace', prefix: [...nobody, ...prefix] }
  const how = `root, in a user namespace, and NOT an ordinary user, because nobody may not use ${closed}`
  return { as: 'user', how, prefix }
}

/** The first thing that the tests need and nobody may not use, or undefined. */
function closedToNobody(programs) {
  for (const program of programs)
    if (!ask(nobody[0], [...nobody.slice(1), 'test', '-x', program]).ok) return program
  const folders = ['src', 'test', 'scripts', 'dist', 'node_modules']
    .map(name => join(root, name))
    .filter(existsSync)
  const search = ['find', ...folders, '!', '-readable', '-print', '-quit']
  const { ok, output } = ask(nobody[0], [...nobody.slice(1), ...search])
  return ok && output === '' ? undefined : output.split('\n')[0] || root
}

/** Why this sandbox cannot be entered and what to do about it, or undefined when it can. */
export function whyClosed({ prefix, as }) {
  const { ok, output } = ask(prefix[0], [...prefix.slice(1), 'true'])
  if (ok) return undefined
  return `The sandbox cannot be entered: ${output}\n${as === 'user' ? userAdvice(output) : rootAdvice(output)}`
}

const noIp = 'The package iproute2 is missing: sudo apt-get install -y iproute2'

const rootAdvice = output =>
  output.includes('ip: not found')
    ? noIp
    : 'This root lacks CAP_SYS_ADMIN, as in a container: run the tests on the machine itself.'

function userAdvice(output) {
  if (output.includes('ip: not found')) return noIp
  const switches = [
    ['kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone=1'],
    ['user/max_user_namespaces', '0', 'user.max_user_namespaces=15000'],
    ['kernel/apparmor_restrict_unprivileged_userns', '1', 'kernel.apparmor_restrict_unprivileged_userns=0'],
  ]
  for (const [file, off, setting] of switches) {
    const path = `/proc/sys/${file}`
    if (existsSync(path) && readFileSync(path, 'utf8').trim() === off)
      return `Unprivileged user namespaces are off here. To turn them on:  sudo sysctl -w ${setting}`
  }
  return 'Unprivileged user namespaces do not work here, as in most containers: run the tests on the machine itself.'
}
