import { describe, expect } from 'bun:test'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** enable and disable through the compiled command, on a host with an /etc of its own. */
const test = requireTool('ip', 'nft', 'iptables-save', 'sysctl')

const ownEtc = `
# An address that a link gives itself would appear at some moment of its own.
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
mount -t tmpfs -o mode=755 etc /etc
mkdir -p /etc/systemd/system/multi-user.target.wants
contents() { find /etc | sort | while read -r path; do stat -c '%n %F %a %u' "$path"; readlink "$path" || cat "$path" 2>/dev/null || true; done; }
# What systemd would do at boot and at shutdown, from the units that are linked.
boot() { for link in /etc/systemd/system/multi-user.target.wants/natspace@*.service; do
  name=\${link##*@}; $(sed -n 's/^ExecStart=//p' $(readlink $link) | sed "s/%i/\${name%.service}/"); done; }
`

describe('a space that is enabled', () => {
  test('comes up at the next boot as it was, and disable leaves no trace', () => {
    const output = expectOnNewHost(`${ownEtc}
      contents >/run/before
      natspace up -q myspace $article
      natspace enable myspace
      ip -br -n myspace address show dev veth2
      # A reboot takes everything but /etc.
      natspace down -q --all
      boot
      ip -br -n myspace address show dev veth2
      natspace status myspace --json | grep -o '"healthy":true'
      natspace disable myspace
      natspace status myspace >/dev/null && echo still-up
      contents >/run/after
      diff /run/before /run/after && echo EQUAL`)
    expect(output).toContain('wrote    /etc/natspace/myspace.yaml')
    expect(output).toContain('linked   /etc/systemd/system/multi-user.target.wants/natspace@myspace.service')
    expect(output).toContain('systemctl daemon-reload')
    expect(output.match(/192\.168\.45\.3\/24/g)).toHaveLength(2)
    expect(output).toContain('"healthy":true')
    expect(output).toContain('still-up')
    expect(output).toContain('EQUAL')
  })

  test('by a file that stands in its place, now and later', () => {
    const output = expectOnNewHost(`${ownEtc}
      mkdir /etc/natspace
      printf 'spaces:\\n  a: {publish: ["8080:80"]}\\n  b:\\n' >/etc/natspace/two.yaml
      contents >/run/before
      snapshot >/run/snapshot-before
      natspace enable -f /etc/natspace/two.yaml --now --watch --json
      natspace ls --json | grep -o '"healthy":true' | wc -l
      natspace disable two --now
      contents >/run/after
      snapshot >/run/snapshot-after
      diff /run/before /run/after && diff /run/snapshot-before /run/snapshot-after && echo EQUAL`)
    const [json = '', healthy] = output.split('\n')
    expect(JSON.parse(json)).toMatchObject({
      command: 'enable',
      data: {
        name: 'two',
        unit: 'natspace@two.service',
        file: '/etc/natspace/two.yaml',
        spaces: ['a', 'b'],
        next: ['systemctl daemon-reload'],
      },
    })
    expect(healthy).toBe('2')
    expect(output).toContain('EQUAL')
  })

  test('is told to systemd where that runs', () => {
    const output = expectOnNewHost(`${ownEtc}
      mkdir -p /run/systemd/system /run/upper /run/work
      mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=/run/upper,workdir=/run/work /usr/sbin
      printf '#!/bin/sh\\necho "$*" >>/run/asked\\n' >/usr/sbin/systemctl; chmod 755 /usr/sbin/systemctl
      natspace up -q web
      natspace enable web --now --watch
      natspace enable web
      natspace disable web --now
      cat /run/asked`)
    expect(
      output
        .slice(output.lastIndexOf('any more') + 9)
        .trim()
        .split('\n'),
    ).toEqual([
      'daemon-reload',
      'start natspace@web.service',
      'start natspace-watch.service',
      'stop natspace-watch.service natspace@web.service',
      'daemon-reload',
    ])
  })
})

describe('what cannot be enabled', () => {
  const cases: [string, string, string, string][] = [
    ['a space that is not there', '', 'natspace enable web', 'NOT_FOUND'],
    ['nothing', '', 'natspace enable', 'MISSING_ARGUMENT'],
    ['a file and a name', '', 'natspace enable web -f /run/x', 'UNEXPECTED_ARGUMENT'],
    ['a file that is not there', '', 'natspace enable -f /run/missing.yaml', 'NO_FILE'],
    ['a file that cannot be read', 'echo "{" >/run/bad.yaml', 'natspace enable -f /run/bad.yaml', 'BAD_FILE'],
    [
      'under the name of a file of somebody else',
      'mkdir /etc/natspace; echo "spaces: {web: }" >/etc/natspace/web.yaml; natspace up -q web',
      'natspace enable web',
      'FILE_TAKEN',
    ],
    ['in another system and now', '', 'natspace enable web --root /run --now', 'CONFLICTING_OPTIONS'],
    ['a name that is none', '', 'natspace enable ../web', 'BAD_NAME'],
  ]
  test('changes nothing', () => {
    for (const [title, before, command, code] of cases) {
      const { stdout, stderr } = onNewHost(`${ownEtc}
        ${before}
        contents >/run/before; ${command} || echo "status $?"; contents >/run/after
        diff /run/before /run/after && echo EQUAL`)
      expect({ title, code: /code:\S* (\S+)/.exec(stderr)?.[1], equal: stdout.includes('EQUAL') }).toEqual({
        title,
        code,
        equal: true,
      })
      expect(stdout).toMatch(/status [12]/)
    }
  })
})
