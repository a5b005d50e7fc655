import { expect } from 'bun:test'
import { expectError, expectErrors, expectSilence, expectSuccess, type Json } from './expect.ts'
import type { Conformance } from './types.ts'

/** Section 2, DEL and GC. */
export const removal: Conformance[] = [
  {
    id: 'del-interface',
    section: '2 DEL',
    level: 'should',
    says: 'takes the interface and all that ADD made away, and prints nothing',
    script: `add; request DEL "$(network "$pool")"; inside ip -br link | grep -c eth0 || true
      nft list ruleset | grep -c "10\\.88\\.$n\\." || true; ip route | grep -c "10\\.88\\.$n\\." || true`,
    holds: ({ replies, lines }) => {
      expectSilence(replies[1])
      expect(lines).toEqual(['0', '0', '0'])
    },
  },
  {
    id: 'del-again',
    section: '2 DEL',
    level: 'must',
    says: 'succeeds however often it comes, and where there never was an ADD',
    script:
      'request DEL "$(network "$pool")"; add; for time in 1 2 3; do request DEL "$(network "$pool")"; done',
    holds: ({ replies }) => {
      for (const [index, reply] of replies.entries()) if (index !== 1) expectSilence(reply)
      expect(replies).toHaveLength(5)
    },
  },
  {
    id: 'del-without-namespace',
    section: '2 DEL',
    level: 'must',
    says: 'succeeds without `CNI_NETNS`, with a path that leads nowhere, and when the namespace is gone',
    script: `add; request DEL "$(network "$pool")" -u CNI_NETNS
      add; request DEL "$(network "$pool")" CNI_NETNS=/run/netns/nothing
      add; ip netns del $c; request DEL "$(network "$pool")"; ip -br link | grep -c '^veth' || true; ip netns add $c`,
    holds: ({ replies }) => {
      for (const index of [1, 3, 5]) expectSilence(replies[index])
    },
  },
  {
    id: 'del-previous-result',
    section: '2 DEL',
    level: 'must',
    says: 'takes the result of ADD as `prevResult`, and does without',
    script: `add; request DEL "$(network "$pool,\\"prevResult\\":$(cat /run/result-$c)")"; add; request DEL "$(network "$pool")"
      add; request DEL "$(network "$pool,\\"prevResult\\":null")"`,
    holds: ({ replies }) => {
      for (const index of [1, 3, 5]) expectSilence(replies[index])
    },
  },
  {
    id: 'del-best-effort',
    section: '2 DEL',
    level: 'should',
    says: 'takes away what there is, also where state, rules or routes are missing',
    script: `add; rm /run/natspace/spaces/*$c*; request DEL "$(network "$pool")"; ip -br link | grep -c "^veth.*@.*$c" || true
      add; nft flush table inet natspace; request DEL "$(network "$pool")"
      add; ip link del $(ip -br -o link | grep -o '^veth[^@ ]*' | head -1); request DEL "$(network "$pool")"
      nft list ruleset | grep -c "10\\.88\\.$n\\." || true`,
    holds: ({ replies, lines }) => {
      for (const index of [1, 3, 5]) expectSilence(replies[index])
      expect(lines.at(-1)).toBe('0')
    },
  },
  {
    id: 'del-releases',
    section: '2 DEL',
    level: 'should',
    says: 'gives the address back: the next container may have it',
    script: `pool=",\\"ipam\\":{\\"subnet\\":\\"10.88.$n.0/30\\"}"; add; request DEL "$(network "$pool")"; add`,
    holds: ({ replies: [first, , second] }) =>
      expect(expectSuccess(second).ips).toEqual(expectSuccess(first).ips),
  },
  {
    id: 'gc-stale',
    section: '2 GC',
    level: 'should',
    says: 'takes away all attachments of the network that are not in the list, keeps those that are, and prints nothing',
    script: `add; request ADD "$(network ",\\"ipam\\":{\\"subnet\\":\\"10.89.$n.0/24\\",\\"routes\\":[{\\"dst\\":\\"203.0.113.0/24\\"}]}")" CNI_IFNAME=eth1
      request GC "$(network "$pool,\\"cni.dev/valid-attachments\\":[{\\"containerID\\":\\"$c\\",\\"ifname\\":\\"eth1\\"}]")" -u CNI_CONTAINERID -u CNI_NETNS -u CNI_IFNAME
      inside ip -br link | grep -o '^eth[01]'
      request GC "$(network "$pool,\\"cni.dev/valid-attachments\\":[]")" -u CNI_CONTAINERID -u CNI_NETNS -u CNI_IFNAME
      inside ip -br link | grep -c '^eth[01]' || true`,
    holds: ({ replies, lines }) => {
      expectSilence(replies[2])
      expectSilence(replies[3])
      expect(lines).toEqual(['eth1', '0'])
    },
  },
  {
    id: 'gc-gone',
    section: '2 GC',
    level: 'should',
    says: 'frees what containers had whose namespace is gone, addresses too',
    script: `pool=",\\"ipam\\":{\\"subnet\\":\\"10.88.$n.0/30\\"}"; add; ip netns del $c
      request GC "$(network "$pool,\\"cni.dev/valid-attachments\\":[]")"; ip netns add $c; add`,
    holds: ({ replies: [first, collected, second] }) => {
      expectSilence(collected)
      expect(expectSuccess(second).ips).toEqual(expectSuccess(first).ips)
    },
  },
  {
    id: 'gc-other-networks',
    section: '2 GC',
    level: 'must',
    says: 'leaves the attachments of other networks alone',
    script: `add; name=other$n; request GC "$(network ',"cni.dev/valid-attachments":[]')"; inside ip -br link | grep -c eth0`,
    holds: ({ replies, lines }) => {
      expectSilence(replies[1])
      expect(lines).toEqual(['1'])
    },
  },
  {
    id: 'gc-list',
    section: '2 GC',
    level: 'must',
    says: 'a list that is missing, or is none, is an error, and nothing is taken away',
    script: `add; for list in '' ',"cni.dev/valid-attachments":7' ',"cni.dev/valid-attachments":[7]' ',"cni.dev/valid-attachments":[{"containerID":"../x","ifname":"eth0"}]'; do
        request GC "$(network "$pool$list")"; done
      inside ip -br link | grep -c eth0`,
    holds: run => {
      expectErrors({ ...run, replies: run.replies.slice(1) }, 4, 7)
      expect(run.lines).toEqual(['1'])
    },
  },
  {
    id: 'gc-version',
    section: '2 GC',
    level: 'must',
    says: 'is refused with error 1 in versions that do not have it',
    script: `for version in 0.3.0 0.3.1 0.4.0 1.0.0; do request GC "$(network "$pool,\\"cni.dev/valid-attachments\\":[]")"; done`,
    holds: run => void expectErrors(run, 4, 1),
  },
  {
    id: 'delegation-add',
    section: '4 Delegation',
    level: 'must',
    says: 'an address plugin is looked for in `CNI_PATH`, and gets the whole configuration and the same environment; its standard error is passed on',
    script: `cat >/run/plugins/leases$n <<END
#!/bin/sh
echo "said by the plugin" >&2
echo "\\$CNI_COMMAND \\$CNI_CONTAINERID \\$CNI_IFNAME \\$CNI_NETNS \\$CNI_ARGS" >>/run/asked$n; cat >/run/configuration$n
[ \\$CNI_COMMAND = ADD ] && echo '{"cniVersion":"1.1.0","ips":[{"address":"10.88.$n.77/24","gateway":"10.88.$n.1"}],"routes":[{"dst":"0.0.0.0/0"}],"dns":{}}'
exit 0
END
      chmod 755 /run/plugins/leases$n
      pool=",\\"ipam\\":{\\"type\\":\\"leases$n\\",\\"anything\\":[1]}"
      request ADD "$(network "$pool")" 'CNI_ARGS=IgnoreUnknown=true;A=B'; cp /run/out /run/result-$c
      network "$pool" | tr -d '\\n' | cmp - /run/configuration$n && echo same
      check; request DEL "$(network "$pool")"
      request GC "$(network "$pool,\\"cni.dev/valid-attachments\\":[]")"; request STATUS "$(network "$pool")"
      cat /run/asked$n`,
    holds: ({ replies, lines }) => {
      const [added, checked, deleted, collected, ready] = replies
      expect((expectSuccess(added).ips as Json[])[0]?.address).toMatch(/\.77\/24$/)
      expect(added?.stderr).toContain('said by the plugin')
      for (const reply of [checked, deleted, collected, ready]) expectSilence(reply)
      expect(lines[0]).toBe('same')
      expect(lines.slice(1).map(line => line.split(' ')[0])).toEqual(['ADD', 'CHECK', 'DEL', 'GC', 'STATUS'])
      expect(lines[1]).toMatch(/^ADD (case\d+) eth0 \/run\/netns\/\1 IgnoreUnknown=true;A=B$/)
    },
  },
  {
    id: 'delegation-failure',
    section: '4 Delegation',
    level: 'must',
    says: 'where the address plugin fails, or is not there, the request fails; after an ADD of it that failed or was of no use it gets a DEL',
    script: `printf '#!/bin/sh\\necho $CNI_COMMAND >>/run/asked'$n'\\n[ $CNI_COMMAND = ADD ] && echo "{\\\\"ips\\\\":[{\\\\"address\\\\":\\\\"192.168.1.32/24\\\\"}]}"\\nexit 0\\n' >/run/plugins/leases$n
      chmod 755 /run/plugins/leases$n
      request ADD "$(network ",\\"ipam\\":{\\"type\\":\\"leases$n\\"}")"
      request ADD "$(network ',"ipam":{"type":"not-there"}')"
      printf '#!/bin/sh\\necho "{\\\\"code\\\\":11,\\\\"msg\\\\":\\\\"later\\\\"}"\\nexit 1\\n' >/run/plugins/fails$n; chmod 755 /run/plugins/fails$n
      request ADD "$(network ",\\"ipam\\":{\\"type\\":\\"fails$n\\"}")"; request DEL "$(network ",\\"ipam\\":{\\"type\\":\\"fails$n\\"}")"
      cat /run/asked$n`,
    holds: ({ replies, lines }) => {
      const [useless, missing, failed, kept] = replies
      expect(useless?.status).not.toBe(0)
      expectError(missing, 7)
      expectError(failed, 11)
      expect(kept?.status).not.toBe(0)
      expect(lines).toEqual(['ADD', 'DEL'])
    },
  },
  {
    id: 'delegation-name',
    section: '4 Delegation',
    level: 'must',
    says: 'the name of an address plugin is a file name, never a path',
    script: `printf '#!/bin/sh\\necho ran >>/run/ran\\n' >/run/outside; chmod 755 /run/outside
      for type in ../outside /run/outside './../outside' 'a b' ..; do request ADD "$(network ",\\"ipam\\":{\\"type\\":\\"$type\\"}")"; done
      [ -e /run/ran ] && echo ran || echo never`,
    holds: run => {
      expectErrors(run, 5, 2, 7)
      expect(run.lines).toEqual(['never'])
    },
  },
]
