import { describe, expect } from 'bun:test'
import { dnsPrograms, ownEtc } from '../support/dns.ts'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** Names, asked for in a space by glibc: servers are on host2 or on the host, and note who asked them. */
const test = requireTool('ip', 'nft', 'getent')

const onHost = (script: string): string => expectOnNewHost(`${dnsPrograms}\n${script}`)

/** On host2, by way of NAT. */
const lanServer = 'dns_server ip netns exec host2 -- 192.168.1.15 192.0.2.77 /run/asked-lan'

/** What getent says of a name, or that there is none such. */
const lookUp = "getent ahostsv4 some.example | sed -n 's/ *STREAM.*//p'"

describe('the resolvers inside', () => {
  test('are those of the host that work, though its loopback comes first', () => {
    const output = onHost(`
      ${ownEtc(`printf 'nameserver 127.0.0.53\\nnameserver 2001:db8::1\\nnameserver 192.168.1.15\\noptions edns0 trust-ad\\n' >/run/etc/resolv.conf`)}
      ${lanServer}
      natspace up -q web
      natspace exec web cat /etc/resolv.conf
      natspace exec web ${lookUp}
      sort -u /run/asked-lan
      grep -c nameserver /etc/resolv.conf`)
    expect(output).toBe(
      'nameserver 192.168.1.15\noptions edns0 trust-ad\n192.0.2.77\nsome.example from 192.168.1.32\n3\n',
    )
  })

  test('are those given with --dns', () => {
    const output = onHost(`
      ${ownEtc("echo 'nameserver 192.0.2.1' >/run/etc/resolv.conf")}
      ${lanServer}
      natspace up -q web --dns 192.168.1.15
      natspace exec web ${lookUp}`)
    expect(output).toBe('192.0.2.77\n')
  })

  test('are the gateway, where the host has a resolver of its own', () => {
    const output = onHost(`
      ${ownEtc(`printf 'search lan\\nnameserver 127.0.0.1\\n' >/run/etc/resolv.conf`)}
      dns_server -- 0.0.0.0 192.0.2.88 /run/asked-host
      natspace up -q web --gateway 10.77.0.1/24
      natspace exec web cat /etc/resolv.conf
      natspace exec web ${lookUp}
      grep -o '^some.example from.*' /run/asked-host | sort -u`)
    expect(output).toBe('nameserver 10.77.0.1\nsearch lan\n192.0.2.88\nsome.example from 10.77.0.2\n')
  })

  test('are none in an internal space, whatever could be asked, and nobody is told', () => {
    const output = onHost(`
      ${ownEtc(`printf 'nameserver 192.168.1.15\\nnameserver 127.0.0.1\\n' >/run/etc/resolv.conf`)}
      ${lanServer}
      dns_server -- 0.0.0.0 192.0.2.88 /run/asked-host
      natspace up -q web --internal
      exec 2>&1
      natspace exec web cat /etc/resolv.conf
      natspace exec web ${lookUp}
      cat /run/asked-lan /run/asked-host
      natspace up -q web --internal --dns 192.0.2.1
      natspace exec web cat /etc/resolv.conf`)
    expect(output).toMatch(/^# [^\n]*internal[^\n]*\nnameserver 192\.0\.2\.1\n$/)
  })

  test('are missed aloud, unless /etc/netns has them or -q is given', () => {
    const output = onHost(`
      ${ownEtc(`echo 'nameserver 127.0.0.53' >/run/etc/resolv.conf`)}
      natspace up -q web; ip netns add other
      exec 2>&1
      natspace exec web cat /etc/resolv.conf
      natspace exec other true
      natspace exec -q web echo quiet
      mkdir -p /etc/netns/web; echo 'nameserver 192.0.2.1' >/etc/netns/web/resolv.conf
      natspace exec web cat /etc/resolv.conf`)
    const why = '(127.0.0.53 is the loopback of this host), so names are not found'
    expect(output.split('\n')).toEqual([
      `natspace exec: no resolver of this host can be asked from inside ${why}; give the space one with --dns A of natspace up`,
      '# No resolver of this host can be asked from inside: see natspace up --dns.',
      `natspace exec: no resolver of this host can be asked from inside ${why}; name one in /etc/netns/other/resolv.conf`,
      'quiet',
      'nameserver 192.0.2.1',
      '',
    ])
  })

  test('are those of the host for a namespace without a record, filtered alike', () => {
    const output = onHost(`
      ${ownEtc(`printf 'nameserver 127.0.0.53\\nnameserver 2001:db8::1\\n' >/run/etc/resolv.conf`)}
      ip netns add other
      natspace exec other cat /etc/resolv.conf
      natspace exec /run/netns/other cat /etc/resolv.conf`)
    expect(output).toBe('nameserver 2001:db8::1\n'.repeat(2))
  })
})

describe('where the host has no /etc/resolv.conf', () => {
  const look = `
    natspace exec web cat /etc/resolv.conf
    natspace exec web ${lookUp}
    natspace exec web touch /etc/new 2>/run/refused || grep -o 'Read-only file system' /run/refused
    natspace exec web cat /etc/below/file
    natspace exec web stat -c %A /etc
    ls /etc`
  const below = 'mkdir /run/etc/below /run/below; echo below >/run/below/file; chmod 755 /run/etc; umask 077'
  const seen =
    'nameserver 192.168.1.15\n192.0.2.77\nRead-only file system\nbelow\ndrwxr-xr-x\nbelow\ngroup\nnsswitch.conf\npasswd\n'

  test('one appears inside, in an /etc that can only be read, with what is mounted there', () => {
    const output = onHost(`
      ${ownEtc(below)}
      mount --bind /run/below /etc/below
      ${lanServer}
      natspace up -q web --dns 192.168.1.15
      ${look}`)
    expect(output).toBe(seen)
  })

  test('one appears in place of a link that leads nowhere', () => {
    const output = onHost(`
      ${ownEtc(`${below}; ln -s ../run/systemd/resolve/stub-resolv.conf /run/etc/resolv.conf`)}
      mount --bind /run/below /etc/below
      ${lanServer}
      natspace up -q web --dns 192.168.1.15
      ${look}`)
    expect(output).toBe(`${seen}resolv.conf\n`)
  })

  test('that of /etc/netns appears', () => {
    const output = onHost(`
      ${ownEtc('mkdir -p /run/etc/netns/web; echo nameserver 192.0.2.5 >/run/etc/netns/web/resolv.conf')}
      natspace up -q web
      natspace exec web cat /etc/resolv.conf 2>&1`)
    expect(output).toBe('nameserver 192.0.2.5\n')
  })

  test('and none is needed, /etc is left alone', () => {
    const output = onHost(`
      ${ownEtc('')}
      natspace up -q web --internal
      natspace exec web sh -c 'ls /etc/resolv.conf; touch /etc/new' 2>/run/errors
      cat /run/errors; ls /etc/new`)
    expect(output).toMatch(/^ls: .*resolv\.conf.*\n\/etc\/new\n$/)
  })
})

describe('daemons of the host that know names', () => {
  const resolved = `
    mkdir -p /run/systemd/resolve
    echo 'nameserver 127.0.0.53' >/run/systemd/resolve/stub-resolv.conf
    printf 'nameserver 192.168.1.15\\nsearch lan\\n' >/run/systemd/resolve/resolv.conf`

  test('are connected to outside and refuse inside, also after they started again', () => {
    const output = onHost(`
      ${ownEtc("echo 'nameserver 192.0.2.1' >/run/etc/resolv.conf")}
      ${resolved}
      mkdir /run/nscd /run/avahi-daemon
      sockets='/run/systemd/resolve/io.systemd.Resolve /run/systemd/resolve/io.systemd.Resolve.Monitor /run/nscd/socket /run/avahi-daemon/socket'
      pids=
      for socket in $sockets; do daemon $socket /run/connections-$(basename $socket)-$(basename $(dirname $socket)); pids="$pids $daemon_pid"; done
      natspace up -q web
      for socket in $sockets; do $connect $socket; natspace exec web $connect $socket; done
      mkfifo /run/gate
      natspace exec web sh -c "echo in >/run/gate; cat /run/gate >/dev/null; for socket in $sockets; do $connect \\$socket; done" >/run/long & long=$!
      cat /run/gate >/dev/null
      kill $pids; rm $sockets
      for socket in $sockets; do daemon $socket /run/again-$(basename $socket)-$(basename $(dirname $socket)); done
      echo go >/run/gate; wait $long
      cat /run/long
      for socket in $sockets; do $connect $socket; done`)
    expect(output).toBe(
      `${'connected\nECONNREFUSED\n'.repeat(4)}${'ECONNREFUSED\n'.repeat(4)}${'connected\n'.repeat(4)}`,
    )
  })

  test('refuse users who are not root as well', () => {
    const output = onHost(`
      ${ownEtc("echo 'nameserver 192.0.2.1' >/run/etc/resolv.conf")}
      mkdir /run/nscd; daemon /run/nscd/socket /run/connections
      natspace up -q web
      umask 077
      natspace exec web stat -c %A /run/nscd /run/nscd/socket`)
    expect(output).toBe('drwxr-xr-x\n-rw-rw-rw-\n')
  })

  test('are not asked by glibc: it goes on to DNS', () => {
    const output = onHost(`
      ${ownEtc("echo 'nameserver 192.168.1.15' >/run/etc/resolv.conf")}
      mkdir /run/nscd; daemon /run/nscd/socket /run/connections
      ${lanServer}
      natspace up -q web
      natspace exec web ${lookUp}
      echo "inside: $(grep -c connection /run/connections || true)"
      getent ahostsv4 some.example >/dev/null || true
      test "$(grep -c connection /run/connections)" -gt 0 && echo 'outside: some'`)
    expect(output).toBe('192.0.2.77\ninside: 0\noutside: some\n')
  })

  test('have their resolv.conf replaced where /etc/resolv.conf links to it', () => {
    const output = onHost(`
      ${ownEtc('ln -s ../run/systemd/resolve/stub-resolv.conf /run/etc/resolv.conf')}
      ${resolved}
      ${lanServer}
      natspace up -q web
      natspace exec web cat /etc/resolv.conf /run/systemd/resolve/resolv.conf
      natspace exec web readlink /etc/resolv.conf
      natspace exec web ${lookUp}
      cat /etc/resolv.conf
      mkdir -p /etc/netns/web; echo 'nameserver 192.0.2.5' >/etc/netns/web/resolv.conf
      natspace exec web cat /etc/resolv.conf`)
    expect(output).toBe(
      `${'nameserver 192.168.1.15\nsearch lan\n'.repeat(2)}../run/systemd/resolve/stub-resolv.conf\n192.0.2.77\nnameserver 127.0.0.53\nnameserver 192.0.2.5\n`,
    )
  })
})
