/**
 * What the probes say is compared with what iproute2, nft and conntrack find out in a namespace of their own, and with
 * the kernel's own configuration where it shows it. Nothing may be left: no link, no table, no descriptor.
 */
import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { ChangeError } from '../../src/linux/change.ts'
import { failingKernel } from '../../src/linux/failing.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { Place } from '../../src/linux/probe/place.ts'
import { type Answer, type Feature, features, Prober, probe, probeAll } from '../../src/linux/probe.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { createAnonymousNamespace, insideNamespace, ownNamespacePath } from '../../src/linux/sys/namespace.ts'
import { NatspaceError } from '../../src/space/errors.ts'
import { down } from '../../src/space/reconcile/down.ts'
import { up } from '../../src/space/reconcile/up.ts'
import { validateSpec } from '../../src/space/spec/validate.ts'
import { statePaths } from '../../src/space/state/records.ts'
import { ip, openDescriptors, openedSince, requireSandbox, run, tryRun } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const testWithIp = requireTool('ip', 'tc')
const testWithNft = requireTool('ip', 'nft')

const answers = probeAll()
const names = Object.keys(features()) as Feature[]
const here = () => readlinkSync(ownNamespacePath)

test('every feature is answered, and every feature that natspace works with is there', () => {
  expect(Object.keys(answers)).toEqual(names)
  expect(names.filter(name => answers[name].answer === 'unknown')).toEqual([])
  const needed = ['namespace', 'veth', 'nf_tables', 'inet', 'nat', 'masquerade', 'dnat', 'fib', 'ct'] as const
  const more = ['interval-concatenation', 'tcp-option', 'rt', 'trace', 'forwarding', 'packet'] as const
  for (const name of [...needed, ...more]) expect({ name, ...answers[name] }).toEqual({ name, answer: 'yes' })
})

/** A second opinion, inside a new namespace: whether a program has what it asks for. */
const inside = (...command: string[]) => tryRun('unshare', ['--net', ...command])

describe('second opinions', () => {
  const kinds = ['veth', 'bridge', 'dummy', 'vlan', 'macvlan', 'ipvlan', 'vxlan', 'wireguard'] as const
  for (const kind of kinds)
    testWithIp(`ip link add type ${kind}`, () => {
      const { stderr } = inside('ip', 'link', 'add', 'probe', 'type', kind)
      expect(answers[kind].answer).toBe(/unknown device type/i.test(stderr) ? 'no' : 'yes')
    })

  testWithIp('tc qdisc add netem', () => {
    const { status } = inside('tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms')
    expect(answers.netem.answer).toBe(status === 0 ? 'yes' : 'no')
  })

  testWithIp('tc qdisc add tbf', () => {
    const bucket = ['tbf', 'rate', '1mbit', 'burst', '5kb', 'latency', '50ms']
    const { status } = inside('tc', 'qdisc', 'add', 'dev', 'lo', 'root', ...bucket)
    expect(answers.tbf.answer).toBe(status === 0 ? 'yes' : 'no')
  })

  const forward = 'add table inet t; add chain inet t c { type filter hook forward priority 0; };'
  const nat = (hook: string) => `add table inet t; add chain inet t c { type nat hook ${hook} priority 0; };`
  const scripts: Partial<Record<Feature, string>> = {
    nf_tables: 'add table inet t',
    inet: forward,
    nat: nat('postrouting'),
    masquerade: `${nat('postrouting')} add rule inet t c masquerade`,
    dnat: `${nat('prerouting')} add rule inet t c meta l4proto tcp dnat ip to 192.0.2.1:80`,
    redirect: `${nat('prerouting')} add rule inet t c tcp dport 1 redirect to :80`,
    fib: `${forward} add rule inet t c fib daddr type local`,
    ct: `${forward} add rule inet t c ct state new`,
    'interval-concatenation':
      'add table inet t; add set inet t s { type inet_proto . inet_service; flags interval; }',
    'tcp-option': `${forward} add rule inet t c tcp option maxseg size set 1400`,
    rt: `${forward} add rule inet t c tcp option maxseg size set rt mtu`,
    trace: `${forward} add rule inet t c meta nftrace set 1`,
    reject: `${forward} add rule inet t c reject`,
    limit: `${forward} add rule inet t c limit rate 10/second`,
    log: `${forward} add rule inet t c log`,
    queue: `${forward} add rule inet t c queue num 0`,
    tproxy:
      'add table inet t; add chain inet t c { type filter hook prerouting priority 0; }; add rule inet t c meta l4proto tcp tproxy to :80',
    flowtable: 'add table inet t; add flowtable inet t f { hook ingress priority 0; devices = { lo }; }',
  }
  for (const [name, script] of Object.entries(scripts) as [Feature, string][])
    testWithNft(`nft: ${name}`, () => {
      const { status, stderr } = inside('nft', script)
      expect({ answer: answers[name].answer, stderr }).toEqual({
        answer: status === 0 ? 'yes' : 'no',
        stderr,
      })
    })
})

describe('the kernel’s own configuration', () => {
  const file = '/proc/config.gz'
  // A kernel without IKCONFIG_PROC shows none; the second opinions above hold for it all the same.
  const shown = existsSync(file)
  const config = shown ? gunzipSync(readFileSync(file)).toString() : ''
  test.skipIf(!shown)(
    `a missing feature names an option that is not set${shown ? '' : ` (skipped: no ${file})`}`,
    () => {
      const missing = names.flatMap(name => {
        const answer = answers[name]
        return answer.answer === 'no' && answer.option.startsWith('CONFIG_') ? [answer.option] : []
      })
      for (const option of missing)
        expect({ option, set: new RegExp(`^${option}=y`, 'm').test(config) }).toEqual({ option, set: false })
    },
  )

  test.skipIf(!shown)(`an option that is built in is a yes${shown ? '' : ` (skipped: no ${file})`}`, () => {
    const builtIn = names.filter(name => {
      const option = features()[name].option.replace(/ .*/, '')
      // Whether these work is a matter of settings too.
      if (['userns', 'ipv6', 'forwarding'].includes(name)) return false
      return new RegExp(`^${option}=y`, 'm').test(config)
    })
    expect(builtIn.length).toBeGreaterThan(5)
    expect(builtIn.filter(name => answers[name].answer !== 'yes')).toEqual([])
  })
})

describe('nothing is left', () => {
  const state = () => ({
    namespace: here(),
    links: ip('-d -j link'),
    ruleset: run('nft', ['list', 'ruleset']),
    forwarding: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'),
    pinned: existsSync('/run/netns'),
  })

  testWithNft(
    'of a thousand answers',
    () => {
      const before = state()
      for (let i = 0; i < 30; i++) new Prober(features()).probeAll()
      expect(state()).toEqual(before)
    },
    60_000,
  )

  testWithNft('of single questions, kept or not', () => {
    const before = state()
    for (const name of names) {
      expect(new Prober(features()).probe(name)).toEqual(answers[name])
      expect(probe(name)).toBe(answers[name])
    }
    expect(state()).toEqual(before)
  })

  test('of a namespace that was never used', () => {
    const before = openDescriptors()
    new Place()[Symbol.dispose]()
    expect(openedSince(before)).toEqual([])
  })
})

test('an anonymous namespace is new, empty, and left at once', () => {
  const [home, before] = [here(), openDescriptors()]
  {
    using namespace = createAnonymousNamespace()
    expect(here()).toBe(home)
    const there = insideNamespace(namespace.number, () => [
      here(),
      readFileSync('/proc/thread-self/net/dev', 'utf8'),
    ])
    expect(there[0]).not.toBe(home)
    expect(there[1]?.match(/^\s*lo:/m)).not.toBeNull()
    expect(openedSince(before)).toHaveLength(1)
  }
  expect(here()).toBe(home)
  expect(openedSince(before)).toEqual([])
})

describe('in a process of its own', () => {
  /** All answers, asked twice over, and how many descriptors more there are afterwards. */
  const askInChild = (command: string, ...args: string[]) => {
    const script = `
      const { features, Prober } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/linux/probe.ts'))})
      const { readdirSync } = await import('node:fs')
      const open = () => readdirSync('/proc/self/fd').length
      const answers = new Prober(features()).probeAll()
      const before = open()
      for (let i = 0; i < 5; i++) new Prober(features()).probeAll()
      console.log(JSON.stringify({ answers, leaked: open() - before }))`
    const { stdout, stderr, status } = tryRun(command, [...args, process.execPath, '--eval', script])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return JSON.parse(stdout) as { answers: Record<Feature, Answer>; leaked: number }
  }

  test('no descriptor leaks', () => {
    expect(askInChild('env')).toEqual({ answers, leaked: 0 })
  })

  test('without privilege most is unknown, and nothing is missing that is there', () => {
    const { answers: found, leaked } = askInChild('setpriv', '--bounding-set=-all', '--inh-caps=-all')
    expect(leaked).toBe(0)
    for (const name of ['veth', 'wireguard', 'netem', 'nf_tables', 'masquerade', 'queue', 'packet'] as const)
      expect({ name, ...found[name] }).toEqual({ name, answer: 'unknown', why: 'unshare: EPERM' })
    for (const name of ['namespace', 'tracefs', 'ipv6'] as const) expect(found[name]).toEqual(answers[name])
    expect(names.filter(name => found[name].answer === 'no' && answers[name].answer === 'yes')).toEqual([])
  })
})

describe('up on a kernel that refuses', () => {
  const paths = statePaths()
  const refusalOf = async (number: number, type: string): Promise<NatspaceError> => {
    using kernel = new LinuxKernel()
    for (let at = 1; ; at++) {
      const failing = failingKernel(kernel, { at, error: new SystemError('refused', number) })
      const error = await up({ kernel: failing, paths }, [validateSpec('probed', {})]).then(
        () => undefined,
        (cause: unknown) => cause,
      )
      if (error === undefined) {
        await down({ kernel, paths }, ['probed'])
        throw new Error(`no ${type} was refused`)
      }
      if (!(error instanceof NatspaceError)) throw error
      if (error.cause instanceof ChangeError && error.cause.change.type === type) return error
    }
  }

  const ENOENT = 2
  const EOPNOTSUPP = 95
  for (const [type, number] of [
    ['veth.add', EOPNOTSUPP],
    ['nftables.commit', ENOENT],
    ['nftables.commit', EOPNOTSUPP],
  ] as const)
    test(`${type} with errno ${number}, though it has all: the refusal stays what it was`, async () => {
      const error = await refusalOf(number, type)
      expect(error).toMatchObject({ code: 'APPLY_FAILED', exit: 1 })
      expect(error.why).toStartWith('refused: E')
    })
})
