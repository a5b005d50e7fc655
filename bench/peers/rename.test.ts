import { expect, test } from 'bun:test'
import { multiplied } from '../lib/multiply.ts'
import { renamed, renamedInOneNetwork } from './rename.ts'

test('a plugin’s rules become those of other containers, each with a chain of its own', () => {
  const saved = [
    ':CNI-DN-0123456789abcdef01234 - [0:0]',
    '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"article\\" id: \\"myspace\\"" -m multiport --dports 8080 -j CNI-DN-0123456789abcdef01234',
    '-A CNI-DN-0123456789abcdef01234 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.168.45.3:80',
    '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
  ]
  expect(multiplied(saved.join('\n'), 2, renamed).split('\n')).toEqual([
    ':CNI-DN-0123456789abcde000000 - [0:0]',
    ':CNI-DN-0123456789abcde000001 - [0:0]',
    '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"article\\" id: \\"m0\\"" -m multiport --dports 10000 -j CNI-DN-0123456789abcde000000',
    '-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"article\\" id: \\"m1\\"" -m multiport --dports 10001 -j CNI-DN-0123456789abcde000001',
    '-A CNI-DN-0123456789abcde000000 -p tcp -m tcp --dport 10000 -j DNAT --to-destination 10.250.0.2:80',
    '-A CNI-DN-0123456789abcde000001 -p tcp -m tcp --dport 10001 -j DNAT --to-destination 10.250.0.6:80',
    '-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT',
  ])
})

test('what belongs to a network that all share comes once', () => {
  const rule = '-A POSTROUTING -s 192.168.45.0/24 -j NETAVARK-1D8721804F16F'
  expect(renamedInOneNetwork(rule, 7)).toBe(rule)
  expect(renamed(rule, 7)).toBe('-A POSTROUTING -s 10.250.0.28/30 -j NETAVARK-1D8721804F16F')
})
