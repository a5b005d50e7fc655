/** Ports that are published and taken away while a space lives: what changes, and what must not notice. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl', 'nc', 'awk', 'cmp')

/** Commands for the scripts below. */
const helpers = `
# reach CLIENT-NAMESPACE ADDRESS PORT INSIDE-PORT: whether a line gets from there to the port of the space.
reach() {
  : >/run/got
  ip netns exec myspace timeout 3 nc -l\${4+n} $family $4 >/run/got & server=$!
  for attempt in $(seq 100); do
    ip netns exec myspace ss -Hltn "sport = :$4" | grep -q . && break; sleep 0.01
  done
  echo "by $2 $3" | $1 timeout 2 nc -N -w1 $2 $3 || true
  sleep 0.1; kill $server 2>/run/ignored || true; wait $server || true
  grep -q "by $2 $3" /run/got && echo "$2 $3 reaches $4" || echo "$2 $3 reaches nothing"
}
family=
host2="ip netns exec host2"
# counter NAMESPACE FILE NAME: one of the kernel's counters, which stand below their names.
counter() {
  ip netns exec $1 awk -v name=$3 '
    { for (i = 2; i <= NF; i++) if (line == $1 && names[i] == name) print $i }
    { line = $1; split($0, names) }' /proc/net/$2
}
# lost NAMESPACE: segments of TCP that it had to send again because they had not arrived. One that others overtook is
# sent again too, and reported as a duplicate (D-SACK, RFC 2883).
lost() { echo $(($(counter $1 snmp RetransSegs) - $(counter $1 netstat TCPDSACKRecvSegs))); }
`

describe('publish and unpublish', () => {
  test('open and close ports from outside, from the host and on its loopback, for a space that had none', () => {
    const output = expectOnNewHost(`${helpers}
      natspace up -q myspace
      snapshot >/run/before
      natspace publish myspace 8080:80 9000-9003
      reach "$host2" 192.168.1.32 8080 80
      reach "" 127.0.0.1 8080 80
      reach "$host2" 192.168.1.32 9002 9002
      natspace status -q myspace >/run/status && echo healthy
      natspace unpublish myspace 8080
      reach "$host2" 192.168.1.32 8080 80
      reach "$host2" 192.168.1.32 9002 9002
      natspace unpublish myspace 9000-9003/tcp
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(output.split('\n').filter(line => /reaches|healthy|EQUAL/.test(line))).toEqual([
      '192.168.1.32 8080 reaches 80',
      '127.0.0.1 8080 reaches 80',
      '192.168.1.32 9002 reaches 9002',
      'healthy',
      '192.168.1.32 8080 reaches nothing',
      '192.168.1.32 9002 reaches 9002',
      'EQUAL',
    ])
    expect(output).toContain('myspace: published 8080 of this host -> 80 inside, tcp\n')
    expect(output).toContain('myspace: closed 8080 of this host -> 80 inside, tcp\n')
  })

  test('do so with IPv6', () => {
    const output = expectOnNewHost(`${helpers}
      ip address add fd99::32/64 dev eth0 nodad
      ip -n host2 address add fd99::15/64 dev eth0 nodad
      ip -6 route add default via fd99::15
      natspace up -q myspace
      snapshot >/run/before
      natspace publish -q myspace 8080:80
      family=-6
      reach "$host2" fd99::32 8080 80
      reach "" ::1 8080 80
      natspace unpublish -q myspace 8080
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(output.trim().split('\n')).toEqual(['fd99::32 8080 reaches 80', '::1 8080 reaches 80', 'EQUAL'])
  })

  test('change nothing when all is as asked, and say what is there when it is not', () => {
    const { status, stdout, stderr } = onNewHost(`
      natspace up -q myspace $article
      natspace publish myspace 8080:80/tcp
      natspace publish -j myspace 8080:80
      natspace unpublish myspace 8080:81 && exit 9
      natspace unpublish myspace 8080:81 || exit $?`)
    expect(stdout).toContain('myspace publishes that already; nothing to do')
    expect(stdout).toContain('"published":[],"changes":0')
    expect(stderr).toContain('published: 8080:80')
    expect(stderr).toContain('NOT_PUBLISHED')
    expect(status).toBe(2)
  })

  test('do not forget what others do at the same time', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace -p 1:1
      for port in 2 3 4 5 6 7 8 9; do natspace publish -q myspace $port & done
      natspace unpublish -q myspace 1 &
      wait
      natspace status myspace >/run/status && echo healthy
      natspace status -j myspace`)
    const [healthy, json] = output.trim().split('\n')
    expect(healthy).toBe('healthy')
    expect(JSON.parse(json ?? '').data.publish.sort()).toEqual(['2', '3', '4', '5', '6', '7', '8', '9'])
  })

  test('refuse a space that is not there, and leave no trace', () => {
    const { status, stdout, stderr } = onNewHost(`
      snapshot >/run/before
      status=0; natspace publish nobody 80 || status=$?
      snapshot >/run/after; diff /run/before /run/after && echo EQUAL
      exit $status`)
    expect(stdout).toBe('EQUAL\n')
    expect(stderr).toContain('NOT_FOUND')
    expect(status).toBe(1)
  })
})

const withIptables = requireTool('ip', 'nft', 'nc', 'iptables-nft')

describe('a port of another tool', () => {
  withIptables('is refused with its name, and published where it stays free', () => {
    const { stdout, stderr } = onNewHost(`
      ip address add 192.168.1.33/24 dev eth0
      iptables-nft -t nat -N DOCKER
      iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
      iptables-nft -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
      iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
      iptables-nft -t nat -A DOCKER -d 192.168.1.33 ! -i docker0 -p tcp --dport 9000 -j DNAT --to-destination 172.17.0.2:90
      iptables-save | sed '/^#/d' >/run/before
      natspace up -q myspace -p 8080:80 || echo "status $?"
      natspace up -q myspace
      natspace publish -q myspace 9000 || echo "status $?"
      natspace publish -q myspace 127.0.0.1:8080:80 192.168.1.32:9000 8080/udp && echo free
      iptables-save | sed '/^#/d' >/run/after; cmp /run/before /run/after && echo EQUAL`)
    expect(stdout).toBe('status 2\nstatus 2\nfree\nEQUAL\n')
    expect(stderr).toContain('a rule of Docker leads 192.168.1.32:8080/tcp to 172.17.0.2:80 already')
    expect(stderr).toContain('a rule of Docker leads 192.168.1.33:9000/tcp to 172.17.0.2:90 already')
    expect(stderr).toContain('code: PORT_TAKEN')
  })
})

describe('status tells who reaches a port', () => {
  const seenBy = (output: string) => output.split('\n').filter(line => /from|reaches/.test(line))

  test('as it is: without a firewall, with one, and where that was told to accept it', () => {
    const output = expectOnNewHost(`${helpers}
      natspace up -q other
      natspace up -q myspace -p 8080:80 -p 127.0.0.1:81
      all() {
        natspace status myspace | grep -o 'from .*'
        for place in "" "$host2" "ip netns exec other"; do
          reach "$place" 192.168.1.32 8080 80
        done
      }
      echo from: nobody else; all
      nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
      echo from: a firewall; all
      natspace up -q myspace -p 8080:80 -p 127.0.0.1:81 --fix-firewall
      echo from: one that accepts it; all`)
    // For this host, the LAN, and another space.
    const [yes, no] = ['192.168.1.32 8080 reaches 80', '192.168.1.32 8080 reaches nothing']
    expect(seenBy(output)).toEqual([
      'from: nobody else',
      'from this host, the LAN and other spaces',
      'from this host only',
      ...[yes, yes, yes],
      'from: a firewall',
      'from this host',
      'from the LAN and other spaces: chain ip filter FORWARD (iptables), policy drop',
      'from this host only',
      ...[yes, no, no],
      'from: one that accepts it',
      'from this host, the LAN and other spaces',
      'from this host only',
      ...[yes, yes, yes],
    ])
  })
})

/** A connection with data in both directions until /run/stop; what is sent late must have been lost, not delayed. */
const flowing = (meanwhile: string) => `${helpers}
  natspace up -q myspace $article
  for place in "ip -n host2 route change 192.168.1.0/24 dev eth0" \\
               "ip -n myspace route change default via 192.168.45.2 dev veth2"; do
    $place rto_min 3s
  done
  for place in host2 myspace; do
    # No probes in advance of a loss, which a busy machine would provoke.
    ip netns exec $place sysctl -qw net.ipv4.tcp_early_retrans=0
  done
  stream() { while [ ! -e /run/stop ]; do head -c 20000 /dev/urandom; sleep 0.002; done; }
  stream | tee /run/sent-in | timeout 30 ip netns exec myspace nc -lnN 80 >/run/got-out & server=$!
  for attempt in $(seq 100); do ip netns exec myspace ss -Hltn "sport = :80" | grep -q . && break; sleep 0.01; done
  stream | tee /run/sent-out | timeout 30 ip netns exec host2 nc -N 192.168.1.32 8080 >/run/got-in & client=$!
  for attempt in $(seq 100); do [ -s /run/got-out ] && [ -s /run/got-in ] && break; sleep 0.01; done
  before=$(stat -c %s /run/got-out)
  flowed() { echo $(($(stat -c %s /run/got-out) - before)); }
  ${meanwhile}
  sleep 0.2; touch /run/stop; wait $client $server
  cmp /run/sent-in /run/got-in && cmp /run/sent-out /run/got-out && echo ALL-CAME
  echo "lost $(lost host2) $(lost myspace)"`

describe('a connection through another published port', () => {
  test('loses nothing while ports are published and closed again', () => {
    const output = expectOnNewHost(
      flowing(`
      for round in $(seq 400); do
        natspace publish -q myspace 8081:80 9000-9010:9100-9110 5353/udp 127.0.0.1:7000
        natspace unpublish -q myspace 8081 9000-9010 5353/udp 7000
        # On a busy machine it takes longer until much has come.
        [ $round -ge 25 ] && [ $(flowed) -gt 1000000 ] && echo MUCH && break
      done`),
    )
    expect(output.trim().split('\n')).toEqual(['MUCH', 'ALL-CAME', 'lost 0 0'])
  })

  test('is seen to lose something when it does', () => {
    const output = expectOnNewHost(
      flowing(`
      nft 'add table inet hole; add chain inet hole forward { type filter hook forward priority 5; policy drop; }'
      sleep 0.05
      nft delete table inet hole; sleep 4`),
    )
    const [, out, back] = /lost (\d+) (\d+)/.exec(output) ?? []
    expect(Number(out) + Number(back)).toBeGreaterThan(0)
  })
})
