/** Podman itself with natspace as its network: the CNI backend of Debian's package, crun, and a busybox container. */
import { describe, expect } from 'bun:test'
import { expectOnContainerHost, requireContainers } from '../support/containers.ts'

const test = requireContainers()
const onHost = (script: string): string => expectOnContainerHost(`podman_start\n${script}`)

describe('a container of podman run', () => {
  test('reaches the outside, is reached at its published port, knows its name, and leaves nothing', () => {
    const output = onHost(`
      baseline
      run web --publish 8080:80
      answer 8080
      podman exec web ping -c1 -W2 192.168.1.15 | grep -o '1 packets received'
      podman exec web cat /etc/hosts | grep web | tr '\\t' ' '
      podman inspect web --format '{{.NetworkSettings.Networks.natspace.IPAddress}} {{.NetworkSettings.Networks.natspace.Gateway}}'
      natspace status -q >$home/status && echo healthy
      podman rm --force --time 0 web >$home/last
      silent 8080
      compare`)
    expect(output.trim().split('\n')).toEqual([
      'web',
      '1 packets received',
      '10.88.0.2 web web',
      '10.88.0.2 10.88.0.1',
      'healthy',
      'silent',
      'EQUAL',
    ])
  })

  test('has the address and the MAC address that it asks for', () => {
    const output = onHost(`
      baseline
      run web --ip 10.88.7.9 --mac-address 02:00:00:00:00:09 --publish 192.168.1.32:8080:80/tcp
      answer 8080
      podman exec web ip -4 -o address show eth0 | grep -o 'inet 10[0-9.]*'
      podman exec web cat /sys/class/net/eth0/address
      podman rm --force --time 0 web >$home/last
      compare`)
    expect(output.trim().split('\n')).toEqual(['web', 'inet 10.88.7.9', '02:00:00:00:00:09', 'EQUAL'])
  })

  test('two of them have one address each, and each its port', () => {
    const output = onHost(`
      baseline
      run one --publish 8081:80
      run two --publish 8082:80
      answer 8081; answer 8082
      natspace ls -q | grep -o '10\\.88\\.0\\.[0-9]*' | sort
      podman rm --force --time 0 one >$home/last
      answer 8082
      podman rm --force --time 0 two >$home/last
      compare`)
    expect(output.trim().split('\n')).toEqual(['one', 'two', '10.88.0.2', '10.88.0.3', 'two', 'EQUAL'])
  })
})

describe('what goes wrong', () => {
  test('a container that is killed is cleaned up by Podman alone', () => {
    const output = onHost(`
      baseline
      run web --publish 8080:80
      answer 8080 >/dev/null
      path=$(podman inspect web --format '{{.NetworkSettings.SandboxKey}}')
      kill -9 $(podman inspect web --format '{{.State.Pid}}')
      over() { [ ! -e $path ] && [ ! -e /run/natspace ]; }
      until_true over
      silent 8080
      compare
      podman rm web >$home/last`)
    expect(output.trim().split('\n')).toEqual(['silent', 'EQUAL'])
  })

  test('a namespace that is gone before DEL', () => {
    const output = onHost(`
      baseline
      run web --publish 8080:80
      path=$(podman inspect web --format '{{.NetworkSettings.SandboxKey}}')
      umount $path && rm $path
      podman rm --force --time 0 web >$home/said 2>&1
      # Podman says that it cannot join the namespace, and calls no plugin any more.
      grep -c 'Joining network namespace' $home/said
      natspace gc -q
      silent 8080
      compare`)
    expect(output.trim().split('\n')).toEqual(['1', 'silent', 'EQUAL'])
  })

  test('a port that another container has: Podman tells natspace’s own words, and nothing is left of it', () => {
    const output = onHost(`
      run one --publish 8080:80
      baseline
      run two --publish 8080:80 2>$home/said && echo started || grep -o 'plugin type="natspace" failed (add).*' $home/said
      podman rm --force --time 0 two >$home/last
      compare
      answer 8080`)
    const [said, ...others] = output.trim().split('\n')
    expect(said).toContain('8080')
    expect(others).toEqual(['EQUAL', 'one'])
  })
})
