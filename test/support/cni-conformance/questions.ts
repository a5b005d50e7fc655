import { expect } from 'bun:test'
import { expectError, expectErrors, expectSilence, expectSuccess, jsonOf } from './expect.ts'
import type { Conformance } from './types.ts'

/** What CHECK finds when one command has been run on a container that was right. */
const finds = (id: string, what: string, command: string): Conformance => ({
  id: `check-${id}`,
  section: '2 CHECK',
  level: 'should',
  says: `finds that ${what}`,
  script: `add; cable=$(grep -o 'veth-[0-9a-z]*' /run/result-$c | head -1); ${command}; check`,
  holds: ({ replies }) => void expectError(replies[1], 104),
})

/** Section 2: CHECK, STATUS, VERSION. */
export const questions: Conformance[] = [
  {
    id: 'check-content',
    section: '2 CHECK',
    level: 'must',
    says: 'succeeds without a word, also at once after ADD',
    script: 'add; check; check',
    holds: ({ replies }) => {
      expectSilence(replies[1])
      expectSilence(replies[2])
    },
  },
  finds('interface', 'the interface is gone', 'inside ip link del eth0'),
  finds('address', 'an address is gone', 'inside ip address flush dev eth0'),
  finds('route', 'a route is gone', 'inside ip route del default'),
  finds('down', 'the container cannot be reached', 'ip link set $cable down'),
  finds('rules', 'a rule of the firewall is gone', 'nft flush chain inet natspace postrouting'),
  finds(
    'reservation',
    'the container is no member of its network any more',
    'nft delete element inet natspace outbound4 "{ 10.88.$n.2 }"',
  ),
  {
    id: 'check-shaping',
    section: '2 CHECK',
    level: 'should',
    says: 'finds that a limit of the bandwidth is gone',
    script: `limit=',"runtimeConfig":{"bandwidth":{"ingressRate":8000000,"ingressBurst":800000}}'; add "$limit"; check "$limit"
      tc qdisc del dev $(grep -o 'veth-[0-9a-z]*' /run/result-$c | head -1) root; check "$limit"`,
    holds: ({ replies }) => {
      expectSilence(replies[1])
      expectError(replies[2], 104)
    },
  },
  {
    id: 'check-previous-result',
    section: '2 CHECK',
    level: 'must',
    says: 'goes by `prevResult`: without it, it is error 7; an address that it does not have is found',
    script: `add; request CHECK "$(network "$pool")"
      request CHECK "$(network "$pool,\\"prevResult\\":{\\"cniVersion\\":\\"1.1.0\\",\\"ips\\":[{\\"address\\":\\"10.88.$n.99/24\\"}]}")"`,
    holds: ({ replies }) => {
      expectError(replies[1], 7)
      expectError(replies[2], 104)
    },
  },
  {
    id: 'check-later-plugins',
    section: '2 CHECK',
    level: 'must',
    says: 'allows for what plugins after it have added, such as a route or an address',
    script: `add; inside ip route add 203.0.113.0/24 via 10.88.$n.1; inside ip address add 198.51.100.9/32 dev eth0
      inside sysctl -qw net.ipv4.conf.eth0.arp_notify=1; check`,
    holds: ({ replies }) => expectSilence(replies[1]),
  },
  {
    id: 'check-unknown',
    section: '2 CHECK',
    level: 'should',
    says: 'is an error for a container that was never added, or has been taken away',
    script: `request CHECK "$(network "$pool,\\"prevResult\\":{\\"cniVersion\\":\\"1.1.0\\"}")"; add; request DEL "$(network)"; check`,
    holds: ({ replies }) => {
      expectError(replies[0], 103)
      expectError(replies[3], 103)
    },
  },
  {
    id: 'check-version',
    section: '2 CHECK',
    level: 'must',
    says: 'is refused with error 1 in versions that do not have it, and answered in all others',
    script: `for version in 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do add; check; request DEL "$(network)"; done`,
    holds: ({ replies }) =>
      expect(
        replies
          .filter((_, index) => index % 3 === 1)
          .map(reply => (reply.status === 0 ? 0 : jsonOf(reply).code)),
      ).toEqual([1, 1, 0, 0, 0]),
  },
  {
    id: 'status-ready',
    section: '2 STATUS',
    level: 'must',
    says: 'succeeds where an ADD could; needs nothing of the environment but the command',
    script: `request STATUS "$(network "$pool")" -u CNI_CONTAINERID -u CNI_NETNS -u CNI_IFNAME -u CNI_PATH -u CNI_ARGS`,
    holds: ({ replies }) => expectSilence(replies[0]),
  },
  {
    id: 'status-not-ready',
    section: '2 STATUS',
    level: 'must',
    says: 'is error 50 where no address is free, or what the network needs is not there',
    script: `request STATUS "$(network "$pool,\\"uplink\\":\\"eth9\\"")"
      pool=",\\"ipam\\":{\\"subnet\\":\\"10.88.$n.0/30\\"}"; add; request STATUS "$(network "$pool")"`,
    holds: ({ replies }) => {
      expectError(replies[0], 50)
      expectError(replies[2], 50)
    },
  },
  {
    id: 'status-limited',
    section: '2 STATUS',
    level: 'should',
    says: 'is error 51 where containers of the network are harmed as well',
    script: `pool=",\\"ipam\\":{\\"subnet\\":\\"10.88.$n.0/30\\"}"; add; inside ip route del default; request STATUS "$(network "$pool")"`,
    holds: ({ replies }) => void expectError(replies[1], 51),
  },
  {
    id: 'status-only-tells',
    section: '2 STATUS',
    level: 'must',
    says: 'changes nothing, and other requests do not depend on it',
    script: `snapshot >/run/one; request STATUS "$(network "$pool")"; request STATUS "$(network "$pool,\\"uplink\\":\\"eth9\\"")"
      snapshot >/run/two; cmp /run/one /run/two && echo unchanged; add; request DEL "$(network)"`,
    holds: ({ replies, lines }) => {
      expect(lines).toEqual(['unchanged'])
      expectSuccess(replies[2])
      expectSilence(replies[3])
    },
  },
  {
    id: 'status-version',
    section: '2 STATUS',
    level: 'must',
    says: 'is refused with error 1 in versions that do not have it',
    script: `for version in 0.3.0 0.3.1 0.4.0 1.0.0; do request STATUS "$(network "$pool")"; done`,
    holds: run => void expectErrors(run, 4, 1),
  },
  {
    id: 'version-supported',
    section: '2 VERSION',
    level: 'must',
    says: 'needs only `CNI_COMMAND`, and tells the version that was asked in and all that are spoken',
    script: `for version in 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do
      request VERSION "{\\"cniVersion\\":\\"$version\\"}" -u CNI_CONTAINERID -u CNI_NETNS -u CNI_IFNAME -u CNI_PATH; done`,
    holds: ({ replies }) => {
      const spoken = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0']
      expect(replies.map(expectSuccess)).toEqual(
        spoken.map(cniVersion => ({ cniVersion, supportedVersions: spoken })),
      )
    },
  },
  {
    id: 'version-any',
    section: '2 VERSION',
    level: 'should',
    says: 'answers in whatever version it is asked, as it is how a runtime finds one that both speak',
    script: `for text in '{"cniVersion":"0.1.0"}' '{"cniVersion":"9.0.0"}' '{}' ''; do request VERSION "$text"; done`,
    holds: ({ replies }) => {
      for (const reply of replies) expect(expectSuccess(reply).supportedVersions).toHaveLength(5)
      expect(replies).toHaveLength(4)
    },
  },
  {
    id: 'output-pure',
    section: '5 Result Types',
    level: 'must',
    says: 'standard output has one JSON object or nothing, whatever happens; words for people go to standard error',
    script: `for command in ADD CHECK STATUS VERSION ADD NOPE DEL GC; do request $command "$(network "$pool")" CNI_COMMAND=$command; done`,
    holds: ({ replies }) => {
      expect(replies).toHaveLength(8)
      for (const { stdout } of replies)
        if (stdout !== '')
          expect(typeof (JSON.parse(stdout) as { cniVersion: unknown }).cniVersion).toBe('string')
    },
  },
]
