import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { currentOrigin, originArgument } from '../../src/lab/start.ts'
import { requireTool } from '../support/tools.ts'

/**
 * The lab as a user starts it, from source: it makes its own namespaces inside those of the test. Nothing may be left
 * in these.
 */

const main = join(import.meta.dir, '../../src/cli/main.ts')

type Result = { status: number; out: string; err: string }

const lab = (...args: string[]): Result => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, main, 'lab', ...args], {
    stdin: 'ignore',
    timeout: 30_000,
    env: { ...process.env, NO_COLOR: '1' },
  })
  return { status: exitCode, out: stdout.toString(), err: stderr.toString() }
}

type Proof = { name: string; ok: boolean; expected: string; seen: string }

const proofsOf = ({ out, err }: Result): Proof[] => {
  expect(err).toBe('')
  const object = JSON.parse(out) as { schemaVersion: number; command: string; data: { proofs: Proof[] } }
  expect(object).toMatchObject({ schemaVersion: 1, command: 'lab run', findings: [] })
  return object.data.proofs
}

test('lab run proves each claim of the experiment', () => {
  const result = lab('run', '--json')
  const proofs = proofsOf(result)
  expect(proofs.filter(proof => !proof.ok)).toEqual([])
  expect(result.status).toBe(0)
  const seen = (name: string) => proofs.find(proof => proof.name === name)?.seen
  expect(seen('the routes of host1')).toBe(
    [
      '0.0.0.0/0 via 192.168.1.1 dev eth0',
      '192.168.1.0/24 dev eth0 (added by the kernel)',
      '192.168.45.0/24 dev veth1 (added by the kernel)',
    ].join('\n'),
  )
  expect(seen('the routes of myspace')).toBe(
    ['0.0.0.0/0 via 192.168.45.2 dev veth2', '192.168.45.0/24 dev veth2 (added by the kernel)'].join('\n'),
  )
  expect(seen('ping 192.168.1.15 from myspace')).toMatch(
    /^answer of 192\.168\.1\.15 in .* ms; host2 heard 192\.168\.1\.32 > 192\.168\.1\.15, id \d+$/,
  )
  expect(seen('host2 reaches 192.168.1.32:8080 → 192.168.45.3:80')).toMatch(
    /"hello from myspace\\n" from 192\.168\.1\.32:8080; inside, 192\.168\.45\.3:80 was reached by 192\.168\.1\.15:/,
  )
  expect(proofs.filter(proof => proof.name.startsWith('nothing is left'))).toHaveLength(7)
})

test('lab run -v tells every chain, as natspace trace does', () => {
  const { status, out } = lab('run', '-v')
  expect(status).toBe(0)
  expect(out).toContain('    from_space: iifname . ip saddr @source4 return [return]')
})

test('lab run is readable: the picture, the nine steps, and the verdict as the last line', () => {
  const { status, out, err } = lab('run')
  expect({ status, err }).toEqual({ status: 0, err: '' })
  for (let step = 1; step <= 9; step++) expect(out).toMatch(new RegExp(`^  ${step}  \\S`, 'm'))
  expect(out).toContain('veth2 192.168.45.3/24')
  expect(out).not.toContain('✗')
  expect(out).not.toContain('\x1b')
  // Every chain is for -v.
  expect(out).not.toContain('[return]')
  expect(out.trimEnd().split('\n').at(-1)).toMatch(/^✓ all \d+ proofs hold$/)
})

/** A counter that bears it out, and where the packet ends in the words of `natspace trace`. */
const failures: Record<number, { name: string; seen: RegExp; ends: string }> = {
  6: {
    name: 'connect to 192.168.1.15 fails',
    seen: /^ENETUNREACH$/,
    ends: 'dropped: no route leads to 192.168.1.15 (ENETUNREACH), inside the space',
  },
  7: {
    name: 'the request arrives on veth1, and host1 does not forward it',
    seen: /InAddrErrors \+1, ForwDatagrams \+0$/,
    ends: 'dropped: this host does not forward what comes in by veth1: net.ipv4.ip_forward is 0',
  },
  8: {
    name: 'the request does reach host2',
    seen: /^192\.168\.45\.3 > 192\.168\.1\.15, id 29610$/,
    ends: 'no translation happened: it left by eth0 with its inside source 192.168.45.3, id 29610',
  },
  9: {
    name: 'the FORWARD chain of host1 drops the request',
    seen: /^policy of FORWARD \+1/,
    ends: 'dropped: it was stopped by the policy of ip filter FORWARD (iptables)',
  },
}

for (const [step, { name, seen, ends }] of Object.entries(failures))
  test(`without step ${step} it fails as it must, and works with it`, () => {
    const result = lab('run', `--without=${step}`, '--json')
    const proofs = proofsOf(result)
    expect(proofs.filter(proof => !proof.ok)).toEqual([])
    expect(result.status).toBe(0)
    expect(proofs.find(proof => proof.name === name)?.seen).toMatch(seen)
    expect(proofs.find(proof => proof.name === 'where the packet ends')?.seen).toContain(ends)
    expect(proofs.at(-1)).toMatchObject({ name: `with step ${step}`, ok: true })
  })

test('each command that explain names as evidence works on the space of the lab', () => {
  const output = lab('shell', 'host1', '--', process.execPath, main, 'explain', '--json').out
  const { data } = JSON.parse(output) as Record<'data', Record<'steps' | 'topics', { evidence: unknown }[]>>
  type Evidence = { command: string; shows: string }
  const evidence = [...data.steps, ...data.topics].flatMap(item => item.evidence as Evidence | Evidence[])
  // Of a space that is up it is not known beforehand whom it asks.
  const commands = [...new Set(evidence.map(({ command }) => command.replaceAll('DEST', '192.168.1.15')))]
  expect(commands.every(command => command.startsWith('natspace '))).toBe(true)
  // Those that wait for packets are given some, until they have seen enough.
  const once = commands.filter(command => !/(capture|--from)/.test(command))
  const waiting = commands.filter(command => !once.includes(command))
  expect([once.length, waiting.length]).toEqual([5, 2])
  const visit =
    "require('node:net').connect(8080, '192.168.1.32').on('error', () => {}).on('connect', process.exit)"
  const script = [
    `natspace() { ${process.execPath} ${main} "$@"; }`,
    'packets() { natspace trace myspace --to 192.168.1.15 >/dev/null; ip netns exec host2 "$@"; }',
    ...once.map(command => `${command} >/run/out 2>&1 || { echo "${command}: $?"; cat /run/out; }`),
    ...waiting.flatMap(command => [
      `${command.replace('natspace capture', 'natspace capture -c 1')} >/run/out 2>&1 & waiting=$!`,
      `for n in $(seq 20); do packets ${process.execPath} -e "${visit}"; kill -0 $waiting 2>/dev/null || break; done`,
      `wait $waiting || { echo "${command}: $?"; cat /run/out; }`,
    ]),
  ]
  const ran = lab('shell', 'host1', '--', 'sh', '-c', script.join('\n'))
  expect(ran).toEqual({ status: 0, out: '', err: '' })
})

test('lab shell runs a program in a place of the lab, with its exit status', () => {
  const links = (place: string) => lab('shell', place, '--', 'sh', '-c', 'cat /proc/net/dev; exit 7')
  expect(links('host1')).toMatchObject({ status: 7, err: '', out: expect.stringContaining('veth1:') })
  expect(links('myspace')).toMatchObject({ status: 7, err: '', out: expect.stringContaining('veth2:') })
  expect(links('host2').out).not.toContain('veth')
})

test('lab shell says what it cannot start: 127 as it is not there, 126 as it is no program', () => {
  const missing = lab('shell', 'host2', '--', 'no-such-program')
  expect(missing.status).toBe(127)
  expect(missing.err).toContain('no-such-program')
  expect(lab('shell', 'host2', '--', '/proc/version').status).toBe(126)
})

test('an interactive shell has a prompt that names the place', () => {
  const { stdout } = Bun.spawnSync([process.execPath, main, 'lab', 'shell', 'myspace'], {
    stdin: Buffer.from('echo "$NATSPACE_LAB: $PS1"\n'),
    stderr: 'ignore',
    timeout: 30_000,
    env: { ...process.env, SHELL: '/bin/sh' },
  })
  expect(stdout.toString()).toContain('myspace: [natspace lab: myspace] $ ')
})

requireTool('ping')(
  'the system’s own ping agrees, also long after natspace has left host1 to the kernel',
  () => {
    const out = lab('shell', 'myspace', '--', 'sh', '-c', 'sleep 0.5; ping -n -c1 -W2 192.168.1.15')
    expect(out).toMatchObject({ status: 0, out: expect.stringContaining('1 received') })
    const back = lab('shell', 'host2', '--', 'sh', '-c', 'sleep 0.5; ping -n -c1 -W2 192.168.1.32')
    expect(back).toMatchObject({ status: 0, out: expect.stringContaining('1 received') })
  },
)

test('the lab refuses to work in namespaces that are not new', () => {
  const { status, err } = lab(originArgument(currentOrigin()), 'run')
  expect(status).toBe(1)
  expect(err).toContain('the network namespace is that of the parent')
  expect(err).toContain('the mount namespace is that of the parent')
})

test('mistakes of usage are told before anything is started', () => {
  expect(lab('run', '--without', '3').status).toBe(2)
  expect(lab('fly').status).toBe(2)
  expect(lab('--help')).toMatchObject({ status: 0, err: '' })
})

test('without unshare the error names the package that has it', () => {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, main, 'lab', 'run'], {
    timeout: 30_000,
    env: { PATH: '/nowhere' },
  })
  expect(exitCode).toBe(1)
  expect(stderr.toString()).toContain('util-linux')
})
