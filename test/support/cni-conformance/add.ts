import { expect } from 'bun:test'
import { expectError, expectSilence, expectSuccess, type Json } from './expect.ts'
import type { Conformance, Reply } from './types.ts'

const versions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const

const listOf = (result: Json, key: string): Json[] => (result[key] ?? []) as Json[]

/** For each version the result of one ADD, with a DEL after it. */
const inEachVersion = (members = ''): string =>
  `for version in ${versions.join(' ')}; do request ADD "$(network "$pool${members}")"; request DEL "$(network)"; done`

const resultsOf = (replies: readonly Reply[]): Json[] =>
  replies.filter((_, index) => index % 2 === 0).map(expectSuccess)

/** Section 2, ADD, and what section 5 says of its result. */
export const add: Conformance[] = [
  {
    id: 'add-interface',
    section: '2 ADD',
    level: 'should',
    says: 'makes the interface `CNI_IFNAME` in the namespace `CNI_NETNS`, and the result has it as it is',
    script: `add
      inside ip -o link show eth0 | grep -o 'UP\\|link/ether [0-9a-f:]*\\|mtu [0-9]*' | tr '\\n' ' '; echo
      cable=$(grep -o 'veth-[0-9a-z]*' /run/result-$c | head -1); echo "$cable $(macOf $cable)"`,
    holds: ({ replies, lines }) => {
      const [host, inner] = listOf(expectSuccess(replies[0]), 'interfaces')
      expect(inner).toMatchObject({ name: 'eth0', mtu: 1500 })
      expect(lines[0]).toContain(`mtu 1500`)
      expect(lines[0]).toContain(`link/ether ${inner?.mac}`)
      expect(lines[1]).toBe(`${host?.name} ${host?.mac}`)
    },
  },
  {
    id: 'add-sandbox',
    section: '5 ADD Success',
    level: 'must',
    says: 'an interface inside has `CNI_NETNS` as its `sandbox`, one on the host has none',
    script: 'add; echo $c',
    holds: ({ replies, lines }) => {
      const [host, inner] = listOf(expectSuccess(replies[0]), 'interfaces')
      expect(inner?.sandbox).toBe(`/run/netns/${lines[0]}`)
      expect(host?.sandbox ?? '').toBe('')
    },
  },
  {
    id: 'add-version',
    section: '5 ADD Success',
    level: 'must',
    says: '`cniVersion` is the version that was asked in, for each from 0.3.0 to 1.1.0',
    script: inEachVersion(),
    holds: ({ replies }) =>
      expect(resultsOf(replies).map(({ cniVersion }) => cniVersion)).toEqual([...versions]),
  },
  {
    id: 'add-form-of-versions',
    section: '5 ADD Success',
    level: 'must',
    says: 'each version has its form: an address says its family before 1.0.0, an interface its MTU from 1.1.0 on',
    script: inEachVersion(),
    holds: ({ replies }) => {
      const results = resultsOf(replies)
      expect(results.map(result => listOf(result, 'ips')[0]?.version)).toEqual([
        '4',
        '4',
        '4',
        undefined,
        undefined,
      ])
      expect(results.map(result => listOf(result, 'interfaces')[1]?.mtu)).toEqual([
        ...[undefined, undefined, undefined, undefined],
        1500,
      ])
    },
  },
  {
    id: 'add-address',
    section: '5 ADD Success',
    level: 'must',
    says: 'an address has its length, the gateway, and the place of its interface in the list; and is on that interface',
    script: `add; inside ip -o -4 address show eth0 | grep -o 'inet [0-9./]*'; inside ping -qc1 -W2 10.88.$n.1 >/run/ping && echo reached`,
    holds: ({ replies, lines }) => {
      const result = expectSuccess(replies[0])
      const [ip] = listOf(result, 'ips')
      expect(lines).toEqual([`inet ${ip?.address}`, 'reached'])
      expect(`${ip?.gateway}`).toMatch(/^10\.88\.\d+\.1$/)
      expect(listOf(result, 'interfaces')[ip?.interface as number]?.name).toBe('eth0')
    },
  },
  {
    id: 'add-routes',
    section: '5 ADD Success',
    level: 'must',
    says: 'the routes of the result are those that were made',
    script: `pool=",\\"ipam\\":{\\"subnet\\":\\"10.88.$n.0/24\\",\\"routes\\":[{\\"dst\\":\\"0.0.0.0/0\\"},{\\"dst\\":\\"198.51.100.0/24\\"}]}"
      add; inside ip -4 route | grep -o '^default via [0-9.]*\\|^198.*via [0-9.]*'`,
    holds: ({ replies, lines }) => {
      const routes = listOf(expectSuccess(replies[0]), 'routes')
      expect(routes.map(({ dst }) => dst).toSorted()).toEqual(['0.0.0.0/0', '198.51.100.0/24'])
      expect(lines.map(line => line.replace(/[\d.]+\.1$/, 'GW').trim()).toSorted()).toEqual([
        '198.51.100.0/24 via GW',
        'default via GW',
      ])
    },
  },
  {
    id: 'add-name-taken',
    section: '2 ADD',
    level: 'must',
    says: 'an interface of the name that is there already is an error, and stays as it is',
    script: `ip link add hand$n type veth peer name eth0 netns $c; inside ip link show eth0 >/run/one; add; inside ip link show eth0 >/run/two
      cmp /run/one /run/two && echo unchanged; ip link del hand$n`,
    holds: ({ replies, lines }) => {
      expect(Number(expectError(replies[0], 100, 101).code)).toBeGreaterThanOrEqual(100)
      expect(lines[0]).toBe('unchanged')
    },
  },
  {
    id: 'add-twice',
    section: '2 ADD',
    level: 'must',
    says: 'a second ADD of the same container and interface is an error that changes nothing',
    script: 'add; snapshot >/run/one; add; snapshot >/run/two; cmp /run/one /run/two && echo unchanged',
    holds: ({ replies, lines }) => {
      expectSuccess(replies[0])
      expectError(replies[1], 101)
      expect(lines).toEqual(['unchanged'])
    },
  },
  {
    id: 'add-second-interface',
    section: '2 ADD',
    level: 'may',
    says: 'a container is added to a network more than once, each time with another interface',
    script: `add; request ADD "$(network ",\\"ipam\\":{\\"subnet\\":\\"10.89.$n.0/24\\",\\"routes\\":[{\\"dst\\":\\"203.0.113.0/24\\"}]}")" CNI_IFNAME=eth1
      inside ip -br link | grep -o '^eth[01]'; request DEL "$(network)" CNI_IFNAME=eth1; inside ip -br link | grep -o '^eth[01]'`,
    holds: ({ replies, lines }) => {
      expectSuccess(replies[0])
      expectSuccess(replies[1])
      expectSilence(replies[2])
      expect(lines).toEqual(['eth0', 'eth1', 'eth0'])
    },
  },
  {
    id: 'add-failed-leaves-nothing',
    section: '2 ADD',
    level: 'should',
    says: 'an ADD that fails has changed nothing',
    script: `snapshot >/run/one
      request ADD "$(network ',"ipam":{"subnet":"192.168.1.0/24"}')"
      request ADD "$(network "$pool,\\"uplink\\":\\"eth9\\"")"
      snapshot >/run/two; cmp /run/one /run/two && echo unchanged`,
    holds: ({ replies, lines }) => {
      for (const reply of replies) expect(reply.status).not.toBe(0)
      expect(lines).toEqual(['unchanged'])
    },
  },
  {
    id: 'add-previous-result',
    section: '2 ADD',
    level: 'must',
    says: 'a result of plugins before it is passed on, with what this one made behind it and every place still right',
    script: `previous='{"cniVersion":"1.1.0","interfaces":[{"name":"lo","sandbox":"/run/netns/x"}],"ips":[{"address":"127.0.0.1/8","interface":0}],"routes":[]}'
      add ",\\"prevResult\\":$previous"`,
    holds: ({ replies }) => {
      const result = expectSuccess(replies[0])
      const interfaces = listOf(result, 'interfaces')
      expect(interfaces[0]).toEqual({ name: 'lo', sandbox: '/run/netns/x' })
      const [first, second] = listOf(result, 'ips')
      expect(first).toEqual({ address: '127.0.0.1/8', interface: 0 })
      expect(interfaces[second?.interface as number]?.name).toBe('eth0')
    },
  },
  {
    id: 'add-behind-another',
    section: '2 ADD',
    level: 'should',
    says: 'an interface that a plugin before it made is adjusted, and not made again; the result is equivalent',
    script: `ip link add hand$n type veth peer name eth0 netns $c
      ip address add 10.88.$n.1/24 dev hand$n; ip link set hand$n up
      ip -n $c address add 10.88.$n.9/24 dev eth0; ip -n $c link set eth0 up; ip -n $c route add default via 10.88.$n.1
      request ADD "$(network ",\\"mtu\\":1400,\\"prevResult\\":{\\"cniVersion\\":\\"1.1.0\\",\\"interfaces\\":[{\\"name\\":\\"hand$n\\",\\"mac\\":\\"$(macOf hand$n)\\"},{\\"name\\":\\"eth0\\",\\"mac\\":\\"$(macOf eth0 -n $c)\\",\\"sandbox\\":\\"/run/netns/$c\\"}],\\"ips\\":[{\\"address\\":\\"10.88.$n.9/24\\",\\"gateway\\":\\"10.88.$n.1\\",\\"interface\\":1}],\\"routes\\":[{\\"dst\\":\\"0.0.0.0/0\\",\\"gw\\":\\"10.88.$n.1\\"}]}")"
      inside cat /sys/class/net/eth0/mtu
      request DEL "$(network)"; inside cat /sys/class/net/eth0/mtu; ip link del hand$n`,
    holds: ({ replies, lines }) => {
      const result = expectSuccess(replies[0])
      expect(listOf(result, 'interfaces').map(({ name }) => `${name}`.replace(/\d+$/, ''))).toEqual([
        'hand',
        'eth',
      ])
      expect(`${listOf(result, 'ips')[0]?.address}`).toMatch(/\.9\/24$/)
      expect(lines).toEqual(['1400', '1500'])
      expectSilence(replies[1])
    },
  },
  {
    id: 'add-capabilities',
    section: '3 Deriving runtimeConfig',
    level: 'should',
    says: 'what the runtime asks by `runtimeConfig` is done: a mapped port is reached from outside',
    script: `add ",\\"runtimeConfig\\":{\\"portMappings\\":[{\\"hostPort\\":8080,\\"containerPort\\":80,\\"protocol\\":\\"tcp\\"}]}"
      inside timeout 10 nc -ln 80 >/run/got & server=$!
      for attempt in $(seq 500); do inside ss -Hltn 'sport = :80' | grep -q . && break; sleep 0.01; done
      echo hello | ip netns exec host2 timeout 5 nc -N -w2 192.168.1.32 8080; wait $server; cat /run/got`,
    holds: ({ replies, lines }) => {
      expectSuccess(replies[0])
      expect(lines).toEqual(['hello'])
    },
  },
]
