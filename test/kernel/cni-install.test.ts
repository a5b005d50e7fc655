/** `natspace cni`: the plugin and its list put on a host, used from there, and taken away again. */
import { describe, expect } from 'bun:test'
import { onNewHost, type ScriptResult } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'ping', 'diff', 'sysctl')

const helpers = `
chmod 755 /run
where='--bin-dir /run/plugins --conf-dir /run/networks'
list=/run/networks/10-natspace.conflist
# plugin COMMAND CONTAINER: what a runtime does with the first plugin of the list.
plugin() {
  sed -n '/^    {$/,/^    }$/p' $list | sed '1s/{/{"cniVersion":"1.1.0","name":"natspace",/' |
    CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/$2 CNI_IFNAME=eth0 CNI_PATH=/run/plugins \\
    CNI_ARGS='K8S_POD_NAME=web;IgnoreUnknown=1' /run/plugins/natspace
}
`

const onHost = (script: string): ScriptResult => onNewHost(`${helpers}\n${script}`)
const expectOn = (script: string): string => {
  const { status, stdout, stderr } = onHost(script)
  if (status !== 0) throw new Error(`the script ended with ${status}\n${stdout}\n${stderr}`)
  return stdout
}

describe('natspace cni install', () => {
  test('shows what it would do, does it, and has nothing to do then', () => {
    const output = expectOn(`
      natspace cni install $where --subnet 10.88.0.0/16 --dry-run
      ls /run
      natspace cni install $where --subnet 10.88.0.0/16
      natspace cni install $where --subnet 10.88.0.0/16
      cmp $executable /run/plugins/natspace && echo same
      natspace cni conflist --subnet 10.88.0.0/16 | cmp - $list && echo same
      stat -c '%a %n' /run/plugins/natspace $list
      natspace cni uninstall $where
      natspace cni uninstall $where
      ls /run/plugins /run/networks`)
    expect(output.split('\n')).toEqual([
      'would make    /run/plugins',
      'would make    /run/networks',
      'would copy    /run/plugins/natspace',
      'would write   /run/networks/10-natspace.conflist',
      'nothing was changed',
      'netns',
      'made     /run/plugins',
      'made     /run/networks',
      'copied   /run/plugins/natspace',
      'wrote    /run/networks/10-natspace.conflist',
      'the network natspace is installed',
      'the network natspace is installed already',
      'same',
      'same',
      '755 /run/plugins/natspace',
      '644 /run/networks/10-natspace.conflist',
      'removed  /run/networks/10-natspace.conflist',
      'removed  /run/plugins/natspace',
      'the network natspace is not installed any more',
      'nothing of the network natspace is installed here',
      '/run/networks:',
      '',
      '/run/plugins:',
      '',
    ])
  })

  test('what is installed is a plugin, and stays while containers need it', () => {
    const output = expectOn(`
      sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
      natspace cni install -q $where --subnet 10.88.0.0/16
      ip netns add c1
      snapshot >/run/before
      plugin STATUS c1 && echo ready
      plugin ADD c1 >/run/result
      ip netns exec c1 ping -qc1 -W2 192.168.1.15 >/run/ping && echo reached
      natspace cni uninstall $where 2>/run/said || echo "status $?"
      grep -o 'code: .*' /run/said
      plugin DEL c1
      snapshot >/run/after
      diff /run/before /run/after && echo EQUAL
      natspace cni uninstall -q $where`)
    expect(output.trim().split('\n')).toEqual(['ready', 'reached', 'status 1', 'code: CNI_ATTACHED', 'EQUAL'])
  })

  test('is refused where another list is first, and done by force with a warning', () => {
    const output = expectOn(`
      mkdir /run/networks
      echo '{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"bridge"}]}' >/run/networks/05-other.conflist
      natspace cni install $where 2>&1 || echo "status $?"
      ls /run/networks
      natspace cni install -q $where --force 2>&1
      natspace cni install -j $where --file 00-natspace.conflist --name first`)
    const [refused = '', rest = ''] = output.split('status 1\n')
    expect(refused).toContain('runtimes would take ‘/run/networks/05-other.conflist’'.replace(/[‘’]/g, "'"))
    expect(refused).toContain('code: CNI_NOT_FIRST')
    expect(rest).toStartWith('05-other.conflist\n')
    expect(rest).toContain('warning:')
    const json = JSON.parse(rest.slice(rest.indexOf('{"schemaVersion"'))) as Record<string, unknown>
    expect(json).toMatchObject({
      command: 'cni',
      data: {
        action: 'install',
        dryRun: false,
        network: 'first',
        steps: [{ action: 'write', path: '/run/networks/00-natspace.conflist', replaces: false }],
      },
      findings: [],
    })
  })

  test('says what it does not understand, whatever the environment says', () => {
    const { stdout } = onHost(`
      export CNI_COMMAND=ADD
      try() { natspace cni "$@" 2>/run/said && echo done || { echo "status $?"; grep -o 'code: .*' /run/said; }; }
      try; try reinstall; try install now
      try conflist --subnet 10.0.0.1/8; try conflist --name ../up; try conflist --mtu big
      try install --file ../x.conflist; try uninstall --host all; try install --program-only --mtu 1400
      natspace cni conflist -j | grep -c '"action":"conflist"'`)
    expect(stdout.match(/code: \w+|^\d$|done/gm)).toEqual([
      'code: MISSING_ARGUMENT',
      'code: UNEXPECTED_ARGUMENT',
      'code: UNEXPECTED_ARGUMENT',
      'code: BAD_NETWORK',
      'code: BAD_NETWORK',
      'code: BAD_NETWORK',
      'code: BAD_NETWORK',
      'code: CONFLICTING_OPTIONS',
      'code: CONFLICTING_OPTIONS',
      '1',
    ])
    expect(stdout.match(/status \d/g)?.join()).toBe(Array(9).fill('status 2').join())
  })
})
