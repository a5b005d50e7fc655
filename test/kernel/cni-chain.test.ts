/** natspace among other plugins of a list, before them and after them: the reference plugins are its neighbours. */
import { describe, expect } from 'bun:test'
import { linesOf, objectsOf, onCniHost, requirePlugins } from '../support/cni-script.ts'

const test = requirePlugins(
  'ptp',
  'bridge',
  'macvlan',
  'host-local',
  'static',
  'loopback',
  'portmap',
  'tuning',
)

const capabilities = '"capabilities":{"portMappings":true,"bandwidth":true,"mac":true,"aliases":true}'
const ipam =
  '"ipam":{"type":"host-local","subnet":"10.77.0.0/24","routes":[{"dst":"0.0.0.0/0"}],"dataDir":"/run/local"}'
const ptp = `{"type":"ptp","ipMasq":true,${ipam}}`
const bridge = `{"type":"bridge","bridge":"cni0","isGateway":true,"hairpinMode":true,${ipam}}`
const macvlan =
  '{"type":"macvlan","master":"eth0","ipam":{"type":"static","addresses":[{"address":"192.168.1.77/24"}]}}'
const natspace = `{"type":"natspace",${capabilities}}`
const web = '{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}'

describe('behind a plugin that has made the interface', () => {
  test('ptp: ports, limits, an address and settings are added, CHECK watches them, and DEL takes back only those', () => {
    const output = onCniHost(`
      container c1
      list /run/ptp '${ptp}'
      list /run/both '${ptp},{"type":"natspace","mtu":1400,"sysctl":{"net.ipv4.ip_default_ttl":"99"},${capabilities}}'
      wish /run/wishes '{"portMappings":[{"hostPort":8080,"containerPort":80}],"mac":"02:11:22:33:44:55","aliases":["db"],
        "bandwidth":{"ingressRate":8000000,"ingressBurst":8000000,"egressRate":16000000,"egressBurst":2147483647}}'
      # What ptp leaves behind by itself.
      chain ADD c1 /run/ptp >/run/result; chain DEL c1 /run/ptp
      whole >/run/before
      chain ADD c1 /run/both /run/wishes
      asks host2 192.168.1.32 8080 c1 80; asks - 127.0.0.1 8080 c1 80; asks - 192.168.1.32 8080 c1 80
      asks c1 192.168.1.32 8080 c1 80
      tc qdisc | grep tbf; tc -n c1 qdisc | grep tbf
      natspace ls; natspace status
      chain CHECK c1 /run/both /run/wishes && echo RIGHT
      ip -n c1 link set eth0 mtu 1300; chain CHECK c1 /run/both /run/wishes || true; ip -n c1 link set eth0 mtu 1400
      nft delete element inet natspace publish4 '{ tcp . 8080 }'; chain CHECK c1 /run/both /run/wishes || true
      chain DEL c1 /run/both /run/wishes && echo GONE
      ip netns exec c1 sysctl net.ipv4.ip_default_ttl
      whole >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const [result, mtu, port] = objectsOf(output)
    expect(result).toMatchObject({
      cniVersion: '1.0.0',
      interfaces: [{}, { name: 'eth0', mac: '02:11:22:33:44:55', sandbox: '/run/netns/c1' }],
      ips: [{ gateway: '10.77.0.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0' }],
    })
    expect(mtu).toMatchObject({ failed: 'natspace', code: 104, details: expect.stringContaining('MTU 1400') })
    expect(port).toMatchObject({
      failed: 'natspace',
      code: 104,
      details: expect.stringContaining('publish4'),
    })
    expect(output).toMatch(/tbf 6e73: dev veth\w+ root .*rate 8Mbit burst 1000000b/)
    expect(output).toMatch(/tbf 6e73: dev eth0 root .*rate 16Mbit burst 256Mb/)
    expect(output).toMatch(/^cni-c1-\w+ +c1 +10\.77\.0\.\d+ +- +8080:80 +yes$/m)
    expect(output).toMatch(/eth0 inside, which another plugin has made\n +reached by veth\w+ of this host\n/)
    expect(output).toMatch(/c1 in the network net\n +also called db by its runtime\n/)
    expect(
      linesOf(output, /reach |reaches \d|RIGHT|GONE|EQUAL|ttl = (99|64)$/).map(line => line.trim()),
    ).toEqual(
      [
        'host2 reaches 192.168.1.32',
        '- reaches 127.0.0.1',
        '- reaches 192.168.1.32',
        'c1 reaches 192.168.1.32',
        'tuned          MTU 1400',
        'RIGHT',
        'GONE',
        'net.ipv4.ip_default_ttl = 64',
        'EQUAL',
      ]
        .filter(line => !line.startsWith('tuned'))
        .toSpliced(4, 0, 'net.ipv4.ip_default_ttl = 99'),
    )
  })

  test('bridge: what containers behind it share stays until the last of them goes, also when its namespace went before', () => {
    const output = onCniHost(`
      container c1 c2
      list /run/both '${bridge},${natspace}'
      wish /run/one '${web}'
      wish /run/two '{"portMappings":[{"hostPort":8081,"containerPort":80},{"hostPort":53,"containerPort":53,"protocol":"udp"}]}'
      list /run/alone '${bridge}'
      # The bridge, which stays by itself, and whose timers run.
      tidy() { ip link delete cni0; for attempt in $(seq 1000); do ip -br link | grep -q '^veth' || break; sleep 0.01; done; }
      chain ADD c1 /run/alone >/run/result; chain DEL c1 /run/alone; tidy
      whole >/run/before
      chain ADD c1 /run/both /run/one >/run/result
      chain ADD c2 /run/both /run/two >/run/result
      for port in 8080:c1 8081:c2; do
        server=\${port#*:}; port=\${port%:*}
        for client in host2 - c1 c2; do asks $client 192.168.1.32 $port $server 80; done
        asks - 127.0.0.1 $port $server 80
      done
      natspace status -q >/run/status && echo HEALTHY
      setting() { sysctl -n net.ipv4.conf.cni0.route_localnet; }
      setting
      chain DEL c1 /run/both /run/one
      setting
      asks - 127.0.0.1 8081 c2 80
      chain CHECK c2 /run/both /run/two && echo RIGHT
      ip netns del c2
      CNI_NETNS= chain DEL c2 /run/both /run/two
      setting
      container c2; tidy
      whole >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(output).not.toContain('does not reach')
    expect(linesOf(output, /^reaches|^.* reaches /)).toHaveLength(11)
    expect(linesOf(output, /^[01]$|HEALTHY|RIGHT|EQUAL/)).toEqual([
      'HEALTHY',
      '1',
      '1',
      'RIGHT',
      '0',
      'EQUAL',
    ])
  })

  test('both families, or IPv6 alone; GC takes away what the runtime does not know any more, and nothing of others', () => {
    const output = onCniHost(`
      sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
      ip address add 2001:db8::32/64 dev eth0 nodad; ip -n host2 address add 2001:db8::15/64 dev eth0 nodad
      container c1 c2
      ranges() { echo '"ipam":{"type":"host-local","ranges":['"$1"'],"routes":['"$2"'{"dst":"::/0"}],"dataDir":"/run/local"}'; }
      list /run/both '{"type":"ptp",'"$(ranges '[{"subnet":"10.77.0.0/24"}],[{"subnet":"fd77::/64"}]' '{"dst":"0.0.0.0/0"},')"'},${natspace}'
      list /run/six '{"type":"ptp",'"$(ranges '[{"subnet":"fd78::/64"}]')"'},${natspace}'
      wish /run/one '${web}'
      wish /run/two '{"portMappings":[{"hostPort":8081,"containerPort":80}]}'
      chain ADD c1 /run/both /run/one >/run/result
      chain ADD c2 /run/six /run/two >/run/result
      for client in host2 - c1; do asks $client 2001:db8::32 8080 c1 80; asks $client 192.168.1.32 8080 c1 80; done
      for client in host2 - c2; do asks $client 2001:db8::32 8081 c2 80; done
      natspace status -q >/run/status && echo HEALTHY
      cni GC - "$(network net ',"cni.dev/valid-attachments":[{"containerID":"c2","ifname":"eth0"}]')"
      natspace ls --json | grep -o '"container": *"c[12]"' | tail -c4
      cni GC - "$(network net ',"cni.dev/valid-attachments":[]')"
      nft list tables | grep natspace || echo 'no table'
      ip -n c1 -br address show eth0 | grep -o '10.77.0.2/24'`)
    expect(output).not.toContain('does not reach')
    expect(linesOf(output, / reaches /)).toHaveLength(9)
    expect(linesOf(output, /HEALTHY|no table|^c2"|10\.77/)).toEqual([
      'HEALTHY',
      'c2"',
      'no table',
      '10.77.0.2/24',
    ])
  })

  test('macvlan: what this host cannot do there is refused by name, and settings need no table', () => {
    const output = onCniHost(`
      container c1 c2
      list /run/both '${macvlan},{"type":"natspace","promisc":true,"txQLen":500,${capabilities}}'
      wish /run/ports '${web}'
      wish /run/rates '{"bandwidth":{"ingressRate":8000000,"ingressBurst":8000000}}'
      wish /run/mac '{"mac":"02:00:00:00:00:77"}'
      for wishes in ports rates; do
        chain ADD c1 /run/both /run/$wishes || ip -n c1 link delete eth0
      done
      chain ADD c2 /run/both /run/mac
      ip -n c2 -o link show eth0 | grep -o 'PROMISC\\|qlen.*ether [0-9a-f:]*' | sed 's/.  *link.*ether//'
      nft list tables
      natspace status -q >/run/status && echo HEALTHY
      grep -o 'this host itself.*' /run/status
      chain DEL c2 /run/both /run/mac && echo GONE
      ls /run/natspace 2>&1 | sed 's/.*cannot.*/no state/'`)
    expect(objectsOf(output).slice(0, 2)).toMatchObject([
      { failed: 'natspace', code: 2, msg: expect.stringContaining('portMappings') },
      { failed: 'natspace', code: 2, msg: expect.stringContaining('bandwidth') },
    ])
    expect(objectsOf(output)[2]).toMatchObject({ interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:77' }] })
    expect(linesOf(output, /^[^{]/)).toEqual([
      'PROMISC',
      'qlen 500 02:00:00:00:00:77',
      'HEALTHY',
      'this host itself does not reach it',
      'GONE',
      'no state',
    ])
  })

  test('what belongs to whoever makes the interface is refused by name, with nothing changed', () => {
    const output = onCniHost(`
      container c1
      list /run/ptp '${ptp}'
      result=$(chain ADD c1 /run/ptp)
      whole >/run/before
      for member in '"ipam":{"subnet":"10.88.0.0/24"}' '"host":"all"' '"internal":true' '"metadata":true' \\
        '"uplink":"eth0"' '"ipMasq":true' '"runtimeConfig":{"ips":["10.77.0.9"]}'; do
        version=1.0.0 cni ADD c1 "$(version=1.0.0 network net ",$member,\\"prevResult\\":$result")"
      done
      cni ADD c1 "$(version=1.0.0 network net ",\\"prevResult\\":$(echo $result | sed 's#10.77.0.[0-9]*/24#10.77.0.99/24#')")"
      cni ADD c1 "$(version=1.0.0 network net ',"runtimeConfig":{"portMappings":[{"hostPort":1,"containerPort":1,"hostIP":"::1"}]},"prevResult":'"$result")"
      whole >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const found = objectsOf(output)
    expect(found.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 2, 2, 7, 2])
    const keys = ['ipam', 'host', 'internal', 'metadata', 'uplink', 'ipMasq', 'runtimeConfig.ips']
    for (const [index, key] of keys.entries()) expect(String(found[index]?.msg)).toStartWith(`${key} `)
    expect(linesOf(output, /EQUAL/)).toEqual(['EQUAL'])
  })

  test('an ADD that is killed at any moment leaves nothing that DEL does not take away', () => {
    const output = onCniHost(`
      container c1
      list /run/ptp '${ptp}'
      result=$(chain ADD c1 /run/ptp)
      configuration=$(network net ',"sysctl":{"net.ipv4.ip_default_ttl":"99"},"mtu":1400,"ingressRate":8000000,"ingressBurst":8000000,
        "runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]},"prevResult":'"$result" | sed s/1.1.0/1.0.0/)
      export CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0
      # A link without a queue gets one with the first discipline that is put on it, for good.
      all() {
        { whole; ip -n c1 -d -j link; } | sed '/^"txqlen":[0-9]*,$/d; s/"txqlen":[0-9]*,//g; s/"operstate":"[A-Z]*",//g'
        ip netns exec c1 sysctl net.ipv4.ip_default_ttl; tc qdisc
      }
      all >/run/before
      for call in sendto sendmsg rename write; do
        for nth in $(seq 1 2 40); do
          echo "$configuration" |
            strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$nth $executable >/run/result 2>&1 &&
            status=0 || status=$?
          cni DEL c1 "$(network net)"
          all >/run/after
          diff /run/before /run/after >/run/diff && echo equal || { echo "$call $nth differs"; cat /run/diff; }
          [ $status = 137 ] || break
        done
      done`)
    const found = linesOf(output, /./)
    expect(found.filter(line => line !== 'equal')).toEqual([])
    expect(found.length).toBeGreaterThan(10)
  }, 60_000)
})

describe('before others, and after plugins that made something else', () => {
  test('results are merged, each address stays at its interface, and tuning, portmap and firewall go on from them', () => {
    const output = onCniHost(`
      container c1
      own='{"type":"natspace","ipam":{"subnet":"10.88.0.0/24"}}'
      tuning='{"type":"tuning","sysctl":{"net.core.somaxconn":"77"}}'
      list /run/first '{"type":"loopback"},'"$own,$tuning"
      # What is published by natspace itself is none of portmap's business.
      list /run/list "$own,$tuning"',{"type":"portmap","capabilities":{"portMappings":true}},{"type":"firewall"}'
      wish /run/wishes '${web}'
      # What others leave behind by themselves.
      chain ADD c1 /run/list /run/wishes >/run/result; chain DEL c1 /run/list /run/wishes
      whole >/run/before
      chain ADD c1 /run/first
      chain CHECK c1 /run/first && echo RIGHT
      chain DEL c1 /run/first
      chain ADD c1 /run/list /run/wishes >/run/result
      ip netns exec c1 sysctl net.core.somaxconn
      asks host2 192.168.1.32 8080 c1 80; asks - 127.0.0.1 8080 c1 80
      # By itself portmap finds fault with a container that has IPv4 alone.
      list /run/without "$own,$tuning"
      chain CHECK c1 /run/without && echo RIGHT
      chain DEL c1 /run/list /run/wishes
      whole >/run/after
      diff /run/before /run/after && echo EQUAL`)
    const [result] = objectsOf(output)
    expect(result).toMatchObject({
      interfaces: [
        { name: 'lo', sandbox: '/run/netns/c1' },
        { name: expect.stringMatching(/^veth/) },
        { name: 'eth0', sandbox: '/run/netns/c1' },
      ],
      ips: [
        { address: '127.0.0.1/8', interface: 0 },
        { address: '::1/128', interface: 0 },
        { address: expect.stringMatching(/^10\.88\.0\.2\//), gateway: '10.88.0.1', interface: 2 },
      ],
      routes: [{ dst: '0.0.0.0/0', gw: '10.88.0.1' }],
    })
    expect(linesOf(output, /somaxconn|reach|RIGHT|EQUAL/)).toEqual([
      'RIGHT',
      'net.core.somaxconn = 77',
      'host2 reaches 192.168.1.32',
      '- reaches 127.0.0.1',
      'RIGHT',
      'EQUAL',
    ])
  })
})

describe('what has no place in a result', () => {
  test('a warning is a line on stderr, and STATUS tells a network that is out of order from one that is full', () => {
    const output = onCniHost(`
      container c1 c2
      nft add table ip other; nft add chain ip other forward '{ type filter hook forward priority 0; policy drop; }'
      tiny=',"uplink":"eth0","ipam":{"subnet":"10.88.0.0/30"}'
      cni STATUS - "$(network net "$tiny")" 2>/run/errors && echo READY
      cut -c-60 /run/errors
      cni ADD c1 "$(network net "$tiny")" 2>/run/errors >/run/result
      wc -l </run/errors; cut -c-60 /run/errors
      cni STATUS - "$(network net "$tiny")" 2>/run/errors
      ip link set eth0 down; ip link set eth0 name lan0
      cni STATUS - "$(network net "$tiny")" 2>/run/errors`)
    const codes = objectsOf(output).map(({ code }) => code)
    expect(codes).toEqual([50, 51])
    expect(linesOf(output, /^READY|^\d$|^natspace/)).toEqual([
      'READY',
      expect.stringMatching(/^natspace: FORWARD_DROP: the firewall of this host may drop/),
      '1',
      expect.stringMatching(/^natspace: FORWARD_DROP: the firewall of this host may drop/),
    ])
  })

  test('CNI_ARGS: the pod is noted; what nobody knows is refused unless IgnoreUnknown says so', () => {
    const output = onCniHost(`
      container c1
      pod='K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_INFRA_CONTAINER_ID=c1'
      CNI_ARGS="$pod;FOO=1" cni ADD c1 "$(network net)"
      CNI_ARGS="IgnoreUnknown=1;$pod;FOO=1;MAC=02:00:00:00:00:09" cni ADD c1 "$(network net)" | grep '"mac"'
      natspace ls; natspace status | grep 'pod '
      CNI_ARGS='FOO' cni DEL c1 "$(network net)"`)
    expect(objectsOf(output)[0]).toMatchObject({ code: 4, msg: "cannot use CNI_ARGS 'FOO'" })
    expect(output).toContain('"mac": "02:00:00:00:00:09"')
    expect(output).toMatch(/^cni-c1-\w+ +default\/web-0 +10\.200\.0\.2 /m)
    expect(output).toContain('pod default/web-0')
  })
})
