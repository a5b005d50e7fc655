import { describe, expect } from 'bun:test'
import { join } from 'node:path'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** The command as scripts use it: exit statuses, what goes to stdout and to stderr, --json, hostile arguments. */
const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl')

const executable = join(import.meta.dirname, '../../dist/natspace')

const objects = (output: string) =>
  output
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as Record<string, unknown>)

describe('hostile arguments', () => {
  const long = 'n'.repeat(300)
  const names = [
    "'../x'",
    "'.'",
    "''",
    `'${long}'`,
    `"$(printf 'a\\033[2Jb')"`,
    "'a b'",
    '"$(printf \'a\\nb\')"',
    "'%n$(reboot)'",
  ]
  for (const name of names)
    test(`${JSON.stringify(name.slice(0, 24))} is refused with status 2, and nothing is changed`, () => {
      const { status, stdout, stderr } = onNewHost(`
        snapshot >/run/before
        for command in up plan down status 'plan --down' ; do
          natspace $command ${name} && exit 10 || test $? = 2
        done
        natspace exec ${name} true && exit 10 || test $? = 125
        snapshot >/run/after; cmp /run/before /run/after`)
      expect([status, stdout]).toEqual([0, ''])
      expect(stderr.match(/code: BAD_NAME/g)).toHaveLength(6)
      expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
      expect(stderr.length).toBeLessThan(3000)
    })

  test('values of options are refused with status 2, and shown without control characters', () => {
    const esc = `"$(printf '\\033]0;x\\007')"`
    const { status, stderr } = onNewHost(`
      snapshot >/run/before
      for option in --address --gateway --host-interface --interface --uplink -p --dns --mtu; do
        natspace up web $option ${esc} && exit 10 || test $? = 2
      done
      natspace up web --no-such-option${esc} && exit 10 || test $? = 2
      natspace plan web --as ${esc} && exit 10 || test $? = 2
      natspace ${esc} && exit 10 || test $? = 2
      natspace explain ${esc} && exit 10 || test $? = 2
      natspace up -f ${esc} && exit 10 || test $? = 2
      snapshot >/run/after; cmp /run/before /run/after`)
    expect(status).toBe(0)
    expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
  })
})

describe('up, status, ls and down', () => {
  test('tell what was done, what is there, and what is nothing to do', () => {
    const output = expectOnNewHost(`
      natspace up myspace $article
      natspace up myspace $article
      natspace ls
      natspace status
      natspace down myspace
      natspace down myspace
      natspace ls 2>&1`)
    expect(output).toContain('myspace is up\n')
    expect(output).toContain('published  8080 of this host -> 80 inside, tcp\n')
    expect(output).toContain('natspace exec myspace -- ping -c 1 192.168.45.2\n')
    expect(output).toContain('myspace is already up; nothing to do\n')
    expect(output).toMatch(/^myspace +192\.168\.45\.3 +eth0 +8080:80 +yes$/m)
    expect(output).toMatch(/^myspace: healthy$/m)
    expect(output).toContain('myspace is down\nmyspace is not up; nothing to do\nno space is up\n')
    expect(output).not.toContain('\x1b')
  })

  test('say the same as data', () => {
    const output = expectOnNewHost(`
      natspace up myspace $article --json
      natspace -j up myspace $article
      natspace ls -j
      natspace status myspace --json
      natspace status --json
      natspace down -j myspace nothing`)
    const [up, again, ls, one, all, down] = objects(output)
    const envelope = { schemaVersion: 1, findings: [] }
    expect(up).toMatchObject({ ...envelope, command: 'up', data: { spaces: [{ name: 'myspace' }] } })
    expect(again).toMatchObject({ ...envelope, command: 'up', data: { changes: 0 } })
    expect(ls).toEqual({
      ...envelope,
      command: 'ls',
      data: [
        { name: 'myspace', address: '192.168.45.3', uplink: 'eth0', publish: ['8080:80'], healthy: true },
      ],
    })
    expect(one).toMatchObject({
      ...envelope,
      command: 'status',
      data: {
        name: 'myspace',
        namespace: '/run/netns/myspace',
        healthy: true,
        interface: { host: 'veth1', inner: 'veth2' },
        addresses: ['192.168.45.3/24'],
        gateway: '192.168.45.2',
        uplink: 'eth0',
        publish: ['8080:80'],
        drift: [],
      },
    })
    expect(all?.data).toEqual([one?.data])
    expect(down).toMatchObject({ ...envelope, data: { removed: ['myspace'], absent: ['nothing'] } })
  })

  test('status ends with 3 when something differs, tells what, and gives the command that repairs it', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      ip -n myspace route delete default
      natspace status myspace >/run/status || echo $?
      cat /run/status
      eval "$(sed -n 's/^  repair *//p' /run/status)" >/dev/null
      natspace status myspace >/dev/null && echo repaired`)
    expect(output).toMatch(/^3$/m)
    expect(output).toContain('default route of myspace via 192.168.45.2')
    expect(output).toContain('Network is unreachable')
    expect(output).toMatch(/^repaired$/m)
  })

  test('an unknown space is an error, in words and as data', () => {
    const { status, stdout, stderr } = onNewHost(`
      natspace status nothing || echo $?
      natspace status nothing --json || echo $?`)
    expect(status).toBe(0)
    expect(stderr).toMatch(/^natspace: cannot find the space nothing: .*\n.*\n.*\n {2}code: NOT_FOUND\n$/)
    expect(objects(stdout)[0]).toMatchObject({
      command: 'status',
      data: null,
      error: { code: 'NOT_FOUND', fix: ['natspace up nothing'] },
    })
    expect(stdout.match(/^1$/gm)).toHaveLength(2)
  })

  test('all spaces of a file come and go together; stdin is a file', () => {
    const output = expectOnNewHost(`
      echo 'spaces: {one: {}, two: {publish: [8080]}}' >/run/file.yaml
      natspace up -f /run/file.yaml >/dev/null
      natspace ls -j
      natspace down -f /run/file.yaml >/dev/null
      natspace up -q -f - </run/file.yaml
      natspace ls -j
      natspace down --all -q
      natspace ls -j`)
    const names = objects(output).map(({ data }) => (data as { name: string }[]).map(({ name }) => name))
    expect(names).toEqual([['one', 'two'], ['one', 'two'], []])
  })

  test('a warning is a finding, and goes to stderr', () => {
    const { stdout, stderr } = onNewHost(`
      iptables -P FORWARD DROP
      natspace up myspace $article
      natspace plan myspace $article --json`)
    expect(stderr).toContain('warning: myspace: the firewall of this host may drop what myspace sends\n')
    expect(stderr).toContain('code: FORWARD_DROP (natspace explain FORWARD_DROP)\n')
    expect(stdout).not.toContain('warning:')
    expect(objects(stdout)[0]?.findings).toMatchObject([
      { code: 'FORWARD_DROP', severity: 'warning', hides: [] },
    ])
  })
})

describe('the exit status', () => {
  test('is 4 without privilege, with what to do, and nothing is tried', () => {
    const { stdout, stderr } = onNewHost(`
      for command in 'up web' 'down web' 'exec web true'; do
        setpriv --bounding-set=-all --inh-caps=-all ${executable} $command || echo $?
      done
      test ! -e /run/natspace && echo untouched`)
    expect(stdout).toBe('4\n4\n125\nuntouched\n')
    expect(stderr.match(/code: NOT_PERMITTED/g)).toHaveLength(3)
    expect(stderr).toContain('natspace lab shell')
  })

  test('is 5 when another natspace is at work for too long', () => {
    const { status, stderr } = onNewHost(`
      mkdir -m 700 /run/natspace
      flock /run/natspace/lock sleep 1.5 & sleep 0.3
      NATSPACE_LOCK_TIMEOUT=0.2 natspace up web && exit 10 || test $? = 5
      NATSPACE_LOCK_TIMEOUT=soon natspace up web && exit 10 || test $? = 2
      kill $!`)
    expect(status).toBe(0)
    expect(stderr).toContain('code: LOCKED')
    expect(stderr).toContain('code: BAD_ENVIRONMENT')
  })

  test('tells of Ctrl-C while it waits for the lock, and nothing is changed', () => {
    const output = expectOnNewHost(`
      mkdir -m 700 /run/natspace
      flock /run/natspace/lock sleep 1.5 & sleep 0.3
      timeout --preserve-status -s INT 0.5 ${executable} up web || echo $?
      kill $!
      test ! -e /run/netns/web && echo unchanged`)
    expect(output).toBe('130\nunchanged\n')
  })

  test('tells of a signal that came while it worked, and everything is done or nothing', () => {
    const output = expectOnNewHost(`
      { echo 'spaces:'; for i in $(seq 300); do echo "  s$i: {}"; done; } >/run/many.yaml
      ${executable} up -f /run/many.yaml >/dev/null & pid=$!
      while ! test -e /run/netns/s20; do kill -0 $pid || break; done
      kill -TERM $pid; wait $pid || echo $?
      ls /run/netns 2>/dev/null | grep -c '^s' || true
      natspace ls -j | grep -o '"healthy":true' | wc -l`)
    expect(['143\n300\n300\n', '143\n0\n0\n']).toContain(output)
  })

  test('is 0 when nobody reads the output to its end', () => {
    expect(expectOnNewHost('natspace explain | head -1 | wc -l')).toBe('1\n')
  })
})

test('explain takes the values of the only space, of a named one, or of the example', () => {
  const output = expectOnNewHost(`
    natspace up -q web --gateway 172.20.0.1/24 --address 172.20.0.9 --uplink eth0
    natspace explain 8; natspace explain 6
    natspace up -q other
    natspace explain 8; natspace explain 8 web
    natspace explain 8 nothing 2>/dev/null || echo $?`)
  const byHand = output.match(/iptables .* -j MASQUERADE/g)
  const rule = (network: string) => `iptables -t nat -A POSTROUTING -s ${network} -o eth0 -j MASQUERADE`
  expect(byHand).toEqual([rule('172.20.0.0/24'), rule('192.168.45.0/24'), rule('172.20.0.0/24')])
  expect(output).toContain("nft 'add element inet natspace outbound4 { 172.20.0.9 }'")
  expect(output).toContain('ip netns exec web route add default gw 172.20.0.1')
  expect(output).toMatch(/\n2\n$/)
})

test('the state folder is the one that NATSPACE_STATE names', () => {
  const output = expectOnNewHost(`
    export NATSPACE_STATE=/run/elsewhere
    natspace up -q web
    ls /run/elsewhere/spaces; test ! -e /run/natspace
    natspace down -q web
    test ! -e /run/elsewhere && echo gone
    NATSPACE_STATE=relative natspace up web 2>/dev/null || echo $?`)
  expect(output).toBe('web.json\ngone\n2\n')
})
