import { describe, expect } from 'bun:test'
import { onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** Bad input: exit 2, nothing changed, and a message that helps. */
const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl')

const cases: [title: string, command: string, message: RegExp][] = [
  ['a path as name', 'natspace up ../x', /name/i],
  ['a name of 300 bytes', `natspace up ${'a'.repeat(300)}`, /name/i],
  ['ESC in a name', 'natspace up "$(printf \'a\\033[31mb\')"', /\\u001b|\\x1b|\\e/i],
  ['an address that is none', 'natspace up a --address 300.1.1.1', /300\.1\.1\.1/],
  ['a gateway without a length', 'natspace up a --gateway 10.1.1.1', /10\.1\.1\.1/],
  ['an overlapping network', 'natspace up a --gateway 192.168.1.77/24', /192\.168\.1\.0\/24.*eth0/s],
  ['an uplink that does not exist', 'natspace up a --uplink nosuch0', /nosuch0/],
  ['port 0', 'natspace up a -p 0:80', /port/i],
  ['port 65536', 'natspace up a -p 65536:80', /65535|port/i],
  ['the same port twice', 'natspace up a -p 8080:80 -p 8080:81', /8080/],
  ['a taken interface name', 'natspace up a --host-interface eth0', /eth0/],
  ['an unknown option', 'natspace up a --adress 10.0.0.1', /--address/],
  ['an unknown command', 'natspace upp', /up/],
  [
    'an unknown key in YAML',
    'printf \'spaces:\\n  a:\\n    publsh: ["80"]\\n\' >/run/f.yaml; natspace up -f /run/f.yaml',
    /3.*publish/s,
  ],
  ['a file that is not there', 'natspace up -f /run/none.yaml', /none\.yaml/],
]

describe('refused with exit 2', () => {
  for (const [title, command, message] of cases)
    test(title, () => {
      const { status, stdout, stderr } = onNewHost(`
        snapshot >/run/before
        status=0; ( ${command} ) || status=$?
        snapshot >/run/after
        diff /run/before /run/after || exit 99
        exit $status`)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toMatch(message)
      expect(stderr).not.toContain('\u001b')
    })
})

test('a port that another space publishes is refused with the owner', () => {
  const { status, stderr } = onNewHost('natspace up -q a -p 8080:80; natspace up -q b -p 8080:80')
  expect(status).toBe(2)
  expect(stderr).toMatch(/\ba\b.*8080|8080.*\ba\b/s)
})

test('without privileges: exit 4, what to do, and nothing changed', () => {
  const { status, stdout, stderr } = onNewHost(`
    snapshot >/run/before
    status=0; setpriv --bounding-set=-all --inh-caps=-all $executable up a || status=$?
    snapshot >/run/after
    diff /run/before /run/after || exit 99
    exit $status`)
  expect({ status, stdout }).toEqual({ status: 4, stdout: '' })
  expect(stderr).toMatch(/sudo natspace/)
  expect(stderr).toMatch(/natspace lab/)
})
