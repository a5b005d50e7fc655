import { describe, expect, test } from 'bun:test'
import { version } from '../version.ts'
import { commandNames } from './registry.ts'
import { run } from './run.ts'

/** Runs a command line as the executable does; returns what it printed. Only for what touches no kernel. */
const natspace = async (...args: string[]) => {
  let out = ''
  let err = ''
  const status = await run(args, {}, { out: text => (out += text), err: text => (err += text) })
  return { status, out, err }
}

describe('the help', () => {
  test('lists every command of this release, and no other', async () => {
    const { status, out, err } = await natspace('--help')
    expect([status, err]).toEqual([0, ''])
    const listed = out.slice(out.indexOf('Commands:'), out.indexOf('Options of every command:'))
    expect([...listed.matchAll(/^ {2}(\S+) +\S/gm)].map(([, name]) => name)).toEqual([...commandNames])
    expect(await natspace('help')).toEqual({ status, out, err })
  })

  for (const name of commandNames)
    test(`of ${name} has its usage and examples, in every way of asking`, async () => {
      const { status, out, err } = await natspace('help', name)
      expect([status, err]).toEqual([0, ''])
      expect(out).toMatch(new RegExp(`^(Usage:)?  ?natspace ${name}`, 'm'))
      expect(out).toContain('Examples:')
      expect(await natspace('-h', name)).toEqual({ status, out, err })
      // The lab prints its help itself, and not into a test's hands.
      if (name !== 'lab') expect(await natspace(name, '--help')).toEqual({ status, out, err })
    })

  test('fits the lines of a wide terminal', async () => {
    for (const name of commandNames)
      for (const line of (await natspace('help', name)).out.split('\n'))
        expect(line.length).toBeLessThanOrEqual(120)
  })

  test('goes to stderr when nobody asked for it', async () => {
    const { status, out, err } = await natspace()
    expect([status, out]).toEqual([2, ''])
    expect(err).toContain('Commands:')
  })
})

describe('errors of usage', () => {
  test('go to stderr with a suggestion, a fix and a code', async () => {
    const { status, out, err } = await natspace('stauts')
    expect([status, out]).toEqual([2, ''])
    expect(err).toBe(
      "natspace: Cannot run the command 'stauts': there is no such command; did you mean status?\n" +
        '  fix: natspace --help lists the commands\n  code: UNKNOWN_COMMAND\n',
    )
  })

  test('are an object on stdout with --json, wherever it stands', async () => {
    for (const args of [
      ['--json', 'up', '--nothing'],
      ['up', '--nothing', '-j'],
      ['up', '--json', '--nothing'],
      ['up', '-qj', '--nothing'],
    ]) {
      const { status, out, err } = await natspace(...args)
      expect([status, err]).toEqual([2, ''])
      expect(JSON.parse(out)).toMatchObject({
        schemaVersion: 1,
        command: 'up',
        data: null,
        findings: [],
        error: { code: 'UNKNOWN_OPTION' },
      })
    }
  })

  test('of exec have the status that is not a program’s', async () => {
    expect((await natspace('exec')).status).toBe(125)
    expect((await natspace('exec', '../x', 'true')).err).toContain('code: BAD_NAME')
  })

  const wrong: [string[], string][] = [
    [['up'], 'MISSING_ARGUMENT'],
    [['up', 'one', 'two'], 'UNEXPECTED_ARGUMENT'],
    [['up', 'web', '-f', 'x', '--mtu', '1500'], 'CONFLICTING_OPTIONS'],
    [['up', '-f', '/no/such/file'], 'NO_FILE'],
    [['up', 'web', '--mtu', '5'], 'BAD_MTU'],
    [['down'], 'MISSING_ARGUMENT'],
    [['down', 'web', '--all'], 'CONFLICTING_OPTIONS'],
    [['plan', 'web', '--all'], 'CONFLICTING_OPTIONS'],
    [['plan', '--down', 'web', '--mtu', '1500'], 'CONFLICTING_OPTIONS'],
    [['plan', 'web', '--as', 'yaml'], 'BAD_CHOICE'],
    [['ls', 'web'], 'UNEXPECTED_ARGUMENT'],
    [['explain', 'no-such-thing'], 'UNKNOWN_TOPIC'],
    [['completion', 'bsh'], 'UNEXPECTED_ARGUMENT'],
    [['completion'], 'MISSING_ARGUMENT'],
    [['help', 'nothing'], 'UNKNOWN_COMMAND'],
    [['constructor'], 'UNKNOWN_COMMAND'],
  ]
  for (const [args, code] of wrong)
    test(`${args.join(' ')}: ${code}`, async () => {
      const { status, err } = await natspace(...args)
      expect(err).toContain(`code: ${code}\n`)
      expect(status).toBe(2)
    })
})

test('the version, in words and as data', async () => {
  expect((await natspace('--version')).out).toBe(`natspace ${version}\n`)
  expect(JSON.parse((await natspace('--version', '-j')).out).data).toEqual({ version })
})

describe('colours', () => {
  test('are there when asked for, and not when refused', async () => {
    expect((await natspace('--help', '--color', 'always')).out).toContain('\x1b[1m')
    expect((await natspace('--color=never', 'help')).out).not.toContain('\x1b')
  })
})

describe('explain', () => {
  test('tells the nine steps in order, then the walk, the reply and the way in', async () => {
    const { out } = await natspace('explain')
    const places = [
      ...Array.from({ length: 9 }, (_, index) => `Step ${index + 1}: `),
      'The walk of an outbound packet',
      'Why the reply finds its way though no DNAT rule exists',
      'Inbound: how outside reaches a server',
    ].map(text => out.indexOf(text))
    expect(places.every(place => place > 0)).toBe(true)
    expect(places).toEqual(places.toSorted((one, other) => one - other))
    for (const command of [
      'ip netns add myspace',
      'ip link add veth1 type veth peer name veth2',
      'ip link set veth2 netns myspace',
      'ifconfig veth1 192.168.45.2 netmask 255.255.255.0 up',
      'ip netns exec myspace ifconfig veth2 192.168.45.3 netmask 255.255.255.0 up',
      'ip netns exec myspace route add default gw 192.168.45.2',
      'echo 1 > /proc/sys/net/ipv4/ip_forward',
      'iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE',
      'iptables -t filter -A FORWARD -i eth0 -o veth1 -j ACCEPT',
      'iptables -t filter -A FORWARD -o eth0 -i veth1 -j ACCEPT',
    ])
      expect(out).toContain(`${command}\n`)
    const prose = out.replace(/\s+/g, ' ')
    expect(prose).toContain(
      'replies of any protocol are reversed by connection tracking, and a DNAT rule is needed only for a new connection that begins outside',
    )
    expect(prose).toContain('query identifier (RFC 5508 section 3.1, ICMP Query Mapping)')
  })

  test('tells one step, by number or name', async () => {
    const { out } = await natspace('explain', '6')
    expect(out).toStartWith('Step 6: make the host end the default route\n')
    expect(out).not.toContain('Step 7')
    expect((await natspace('explain', 'default-route')).out).toBe(out)
  })

  test('tells a code, in any case of letters', async () => {
    expect((await natspace('explain', 'overlap')).out).toStartWith('OVERLAP: The network is in use already\n')
    expect(JSON.parse((await natspace('explain', 'OVERLAP', '-j')).out).data.code).toBe('OVERLAP')
  })
})
