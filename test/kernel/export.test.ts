import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireSystemd, systemdProgram, verifyUnits } from '../support/systemd.ts'
import { requireTool } from '../support/tools.ts'

/** What natspace export prints, carried out by others: it must give a space that works, and nothing of natspace. */
const test = requireTool('ip', 'tc', 'nft', 'iptables-save', 'sysctl', 'ping', 'nc')

/** An address that a link gives itself would appear at some moment of its own. */
const calm = 'sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1'

/** Traffic both ways through the article's space, whoever made it. */
const traffic = `
traffic() {
  ip netns exec myspace ping -c1 -W2 192.168.1.15 | grep -o '1 received'
  ip netns exec myspace timeout 5 nc -ln 80 >/run/out & listener=$!
  for attempt in $(seq 100); do ip netns exec myspace ss -Hlnt | grep -q ':80 ' && break; sleep 0.05; done
  echo published | ip netns exec host2 nc -N -w2 192.168.1.32 8080
  wait $listener; cat /run/out
}
`

describe('what is exported', () => {
  test('yaml: read again it gives the same space', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article --rate-up 10mbit --host none; natspace up -q other --internal
      natspace export --all >/run/all.yaml
      natspace status --json | sed 's/"counters":{[^}]*}//g; s/"received[A-Za-z]*":[0-9]*//g' >/run/before
      natspace down -q --all
      natspace up -q -f /run/all.yaml
      natspace status --json | sed 's/"counters":{[^}]*}//g; s/"received[A-Za-z]*":[0-9]*//g' >/run/after
      natspace export --all | diff /run/all.yaml - && diff /run/before /run/after && echo SAME`)
    expect(output).toBe('SAME\n')
  })

  test('shell: is the plan of a host that has none of it', () => {
    const output = expectOnNewHost(`
      natspace plan myspace $article --as nft >/run/plan
      natspace up -q myspace $article; natspace up -q other -p 9000
      natspace export myspace --as shell >/run/export
      diff /run/plan /run/export && echo SAME`)
    expect(output).toBe('SAME\n')
  })

  test('changes nothing', () => {
    const output = expectOnNewHost(`
      ${calm}
      natspace up -q myspace $article
      snapshot >/run/before
      for form in yaml shell systemd networkd cni; do natspace export myspace --as $form >/dev/null 2>&1; done
      snapshot >/run/after; cmp /run/before /run/after && echo same`)
    expect(output).toBe('same\n')
  })

  test('systemd: the commands of the unit make the space without natspace, and take it back', () => {
    const output = expectOnNewHost(`${traffic}
      ${calm}
      snapshot >/run/before
      natspace up -q myspace $article
      mkdir /run/root
      natspace export myspace --as systemd --root /run/root -q
      natspace down -q myspace
      # As systemd would, but for the place of the file of nft.
      commands() { sed -n "s/^$1=-\\{0,1\\}//p" /run/root/etc/systemd/system/space-myspace.service |
        sed 's#/etc/space-#/run/root/etc/space-#; s/\\$\\$/$/g; s/%%/%/g'; }
      commands ExecStart >/run/start; sh -e /run/start
      traffic
      # A firewall takes the rules along: the second unit loads them again.
      nft flush ruleset; commands ExecReload >/run/reload; sh -e /run/reload; sh -e /run/reload
      traffic
      natspace ls --json | grep -o '"data":\\[\\]'
      ip -j link | grep -c natspace || true
      commands ExecStop >/run/stop; sh /run/stop
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(output.split('\n')).toEqual([
      '1 received',
      'published',
      '1 received',
      'published',
      '"data":[]',
      '0',
      'EQUAL',
      '',
    ])
  })

  test('cni: is a list that says what the space is', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article -p 127.0.0.1:9000-9001:80-81/udp --rate-down 8mbit --dns 192.0.2.53
      natspace export myspace --as cni --json`)
    const { data } = JSON.parse(output)
    expect(data.files).toHaveLength(1)
    expect(data.files[0].path).toBe('/etc/cni/net.d/50-myspace.conflist')
    expect(JSON.parse(data.files[0].text)).toEqual({
      cniVersion: '1.0.0',
      name: 'myspace',
      plugins: [
        {
          type: 'ptp',
          ipMasq: true,
          mtu: 1500,
          ipam: {
            type: 'host-local',
            ranges: [
              [
                {
                  subnet: '192.168.45.0/24',
                  rangeStart: '192.168.45.3',
                  rangeEnd: '192.168.45.3',
                  gateway: '192.168.45.2',
                },
              ],
            ],
            routes: [{ dst: '0.0.0.0/0' }],
          },
          dns: { nameservers: ['192.0.2.53'] },
        },
        { type: 'portmap', capabilities: { portMappings: true }, snat: true },
        { type: 'bandwidth', ingressRate: 8_000_000, ingressBurst: 8_000_000 },
      ],
    })
    expect(data.notes.join('\n')).toContain(
      '{"hostPort":9001,"containerPort":81,"protocol":"udp","hostIP":"127.0.0.1"}',
    )
  })

  test('is written where it belongs, and never over something else', () => {
    const output = expectOnNewHost(`
      natspace up -q web
      mkdir -p /run/root/etc
      natspace export web --as systemd --root /run/root -q; find /run/root -type f | sort
      echo mine >/run/root/etc/space-web.nft
      natspace export web --as systemd --root /run/root 2>&1 | grep FILE_TAKEN
      cat /run/root/etc/space-web.nft`)
    expect(output.split('\n')).toEqual([
      '/run/root/etc/space-web.nft',
      '/run/root/etc/systemd/system/space-web-rules.service',
      '/run/root/etc/systemd/system/space-web.service',
      expect.stringContaining('FILE_TAKEN'),
      'mine',
      '',
    ])
  })
})

describe('systemd itself', () => {
  const withSystemd = requireSystemd()

  withSystemd('understands every line of the units', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article --rate-up 10mbit --fix-firewall
      natspace export myspace --as systemd --json`)
    const files: { path: string; text: string }[] = JSON.parse(output).data.files
    const units = files.filter(({ path }) => path.endsWith('.service'))
    expect(units).toHaveLength(2)
    expect(
      verifyUnits(
        Object.fromEntries(units.map(({ path, text }) => [path.slice(path.lastIndexOf('/') + 1), text])),
      ),
    ).toBe('')
  })

  withSystemd('networkd: makes the cable, and the comments the rest', () => {
    const { path, environment } = systemdProgram('systemd-networkd')
    const output = expectOnNewHost(`${traffic}
      natspace up -q myspace $article
      mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/root
      natspace export myspace --as networkd --root /run/root -q
      natspace down -q myspace
      cp /run/root/etc/systemd/network/* /run/systemd/network/
      # It becomes a user who may not be there, and asks udev about links unless /sys cannot be written to.
      printf '%s\\n' root:x:0:0::/:/bin/sh systemd-network:x:0:0::/: >/run/passwd
      printf '%s\\n' root:x:0: systemd-network:x:0: >/run/group
      mount --bind /run/passwd /etc/passwd; mount --bind /run/group /etc/group
      mount -t sysfs -o ro sysfs /sys
      LD_LIBRARY_PATH=${environment.LD_LIBRARY_PATH} timeout 20 ${path} >/run/log 2>&1 & networkd=$!
      for attempt in $(seq 200); do nft list ruleset | grep -q '192.168.45.0/24' && break; sleep 0.05; done
      for attempt in $(seq 200); do ip -br address show dev veth1 2>/dev/null | grep -q 192.168.45.2/24 && break; sleep 0.05; done
      kill $networkd || cat /run/log >&2
      sed -n 's/^#   //p' /run/systemd/network/50-myspace.network | sed 's#/etc/space-#/run/root/etc/space-#' >/run/rest
      grep -iE 'unknown (key|section)|failed to parse|ignoring assignment' /run/log || true
      sh -e /run/rest
      for attempt in $(seq 200); do ip -br link show dev veth1 | grep -q ' UP ' && break; sleep 0.05; done
      traffic`)
    expect(output.split('\n')).toEqual(['1 received', 'published', ''])
  })
})
