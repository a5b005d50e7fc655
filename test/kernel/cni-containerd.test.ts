/**
 * containerd itself with natspace as its network, both ways in which it starts containers: `ctr run --cni`, and the
 * Container Runtime Interface, by which the kubelet starts pods with their published ports.
 */
import { describe, expect } from 'bun:test'
import { expectOnContainerHost, requireContainers } from '../support/containers.ts'

const test = requireContainers()
const onHost = (script: string): string =>
  expectOnContainerHost(`containerd_start\n${script}\ncontainerd_stop`)
const linesOf = (output: string): string[] => output.trim().split('\n')

describe('a container of ctr run --cni', () => {
  test('has an address and a way out, and leaves nothing when it ends', () => {
    const output = onHost(`
      baseline
      container c1 'ip -4 -o address show eth0; ip route; ping -qc1 -W2 192.168.1.15; ping -qc1 -W2 10.88.0.1; hostname' --rm >$home/said
      grep -o 'inet 10[0-9.]*\\|^default via .* eth0\\|1 packets received\\|^c1' $home/said
      compare`)
    expect(linesOf(output)).toEqual([
      'inet 10.88.0.2',
      'default via 10.88.0.1 dev eth0',
      '1 packets received',
      '1 packets received',
      'c1',
      'EQUAL',
    ])
  })

  test('that is killed is gone with its namespace before DEL, and leaves nothing', () => {
    const output = onHost(`
      baseline
      container c1 'exec sleep 60' --rm >$home/said 2>&1 & client=$!
      until_true runs c1
      attached() { natspace ls -q | grep -q 10.88.0.2; }
      until_true attached
      kill -9 $(task c1)
      wait $client || echo "status $?"
      compare`)
    expect(linesOf(output)).toEqual(['status 137', 'EQUAL'])
  })

  test('of which nobody asks for DEL any more is found by gc', () => {
    const output = onHost(`
      baseline
      container c1 'exec sleep 60' --detach
      kill -9 $(task c1)
      over() { ! runs c1 && ! ip -br link | grep -q ^veth-; }
      until_true over
      ls /run/natspace/spaces | grep -c ^cni-default-c1-
      natspace gc -q
      ctr task delete c1 >$home/said 2>&1; ctr container delete c1
      compare`)
    expect(linesOf(output)).toEqual(['1', 'EQUAL'])
  })

  test('sixteen at once', () => {
    const output = onHost(`
      baseline
      for n in $(seq 16); do
        container c$n 'ip -4 -o address show eth0; ping -qc1 -W5 192.168.1.15' --rm >$home/said$n 2>&1 & clients="$clients $!"
      done
      for client in $clients; do wait $client || echo "ctr: status $?"; done
      for n in $(seq 16); do grep -q '1 packets received' $home/said$n || { echo "c$n:"; cat $home/said$n; }; done
      cat $home/said? $home/said?? | grep -c 'inet 10\\.88\\.0\\.'
      compare`)
    expect(linesOf(output)).toEqual(['16', 'EQUAL'])
  })
})

describe('a pod, as the kubelet starts it', () => {
  /** RunPodSandboxRequest: a hostname, a port of the host that leads to port 80, annotations, no settings of Linux. */
  const pod = (name: string, hostPort: number, annotations: Record<string, string> = {}): string => {
    const metadata = [1, [1, name, 2, `uid-${name}`, 3, 'default']]
    const ports = [5, [2, 80, 3, hostPort]]
    const notes = Object.entries(annotations).flatMap(([key, value]) => [7, [1, key, 2, value]])
    return JSON.stringify([1, [...metadata, 2, name, ...ports, ...notes, 8, []]])
  }

  const start = `
    import_image
    baseline
    # pod REQUEST: starts it; its id is printed.
    pod() { cri RunPodSandbox "$1" | grep -o '[0-9a-f]\\{64\\}'; }
    stop() { cri StopPodSandbox "[1,\\"$1\\"]"; }
    remove() { cri RemovePodSandbox "[1,\\"$1\\"]"; }
    inside() { ip netns exec $(ls /run/netns | grep ^cni- | head -1) "$@"; }
    `

  test('is reached at its published port under its name, reaches the outside, and leaves nothing', () => {
    const output = onHost(`${start}
      id=$(pod '${pod('web', 8080, { 'kubernetes.io/ingress-bandwidth': '8M' })}')
      answer 8080
      cri PodSandboxStatus "[1,\\"$id\\"]" | grep '^10\\.'
      inside ping -qc1 -W2 192.168.1.15 >$home/said && echo outbound
      natspace status >$home/said && echo healthy; grep -o 'at most .*' $home/said
      stop $id
      silent 8080
      remove $id
      compare`)
    expect(linesOf(output)).toEqual([
      'web',
      '10.88.0.2',
      'outbound',
      'healthy',
      'at most 8mbit down',
      'silent',
      'EQUAL',
    ])
  })

  test('whose process is killed, and one whose namespace is gone before DEL', () => {
    const output = onHost(`${start}
      first=$(pod '${pod('first', 8081)}'); second=$(pod '${pod('second', 8082)}')
      answer 8081; answer 8082
      kill -9 $(ctr -n k8s.io task ls | sed -n "s/^$first  *\\([0-9]*\\) .*/\\1/p")
      stop $first; remove $first
      silent 8081; answer 8082
      kill -9 $(ctr -n k8s.io task ls | sed -n "s/^$second  *\\([0-9]*\\) .*/\\1/p")
      name=$(ls /run/netns | grep ^cni-)
      umount /run/netns/$name && rm /run/netns/$name
      stop $second; remove $second
      silent 8082
      compare`)
    expect(linesOf(output)).toEqual(['first', 'second', 'silent', 'second', 'silent', 'EQUAL'])
  })

  test('has an address of the node’s own network, which containerd writes into the list when the kubelet tells it', () => {
    const output = expectOnContainerHost(`
      network=--program-only
      mkdir -p /etc/cni/net.d
      natspace cni conflist --subnet 10.0.0.0/24 --host all --accept 0.0.0.0/0 | sed 's,10.0.0.0/24,{{.PodCIDR}},' >$home/template
      containerd_settings="[plugins.\\"io.containerd.grpc.v1.cri\\".cni]
conf_template = \\"$home/template\\""
      containerd_start
      ${start}
      cri UpdateRuntimeConfig '[1,[1,[1,"10.244.3.0/24"]]]'
      listed() { ls /etc/cni/net.d/*.conflist; }
      until_true listed
      ready() { cri Status '[]' | grep -c . >/dev/null && ctr -n k8s.io plugins ls >/dev/null; }
      until_true ready
      started() { id=$(pod '${pod('web', 8080)}'); }
      until_true started
      cri PodSandboxStatus "[1,\\"$id\\"]" | grep '^10\\.'
      # The node itself, as the kubelet probes its pods.
      until_true nc -zw2 10.244.3.2 80
      stop $id; remove $id
      [ -e /run/natspace ] || echo gone
      containerd_stop`)
    expect(linesOf(output)).toEqual(['10.244.3.2', 'gone'])
  })

  test('that cannot be: its port is taken; containerd tells natspace’s words, and nothing is left', () => {
    const output = onHost(`${start}
      first=$(pod '${pod('first', 8081)}')
      snapshot >$home/before
      pod '${pod('second', 8081)}' 2>$home/said && echo started || grep -o 'plugin type="natspace" failed (add).*' $home/said | head -1
      compare
      answer 8081
      stop $first; remove $first`)
    const [said, ...others] = linesOf(output)
    expect(said).toContain('8081')
    expect(others).toEqual(['EQUAL', 'first'])
  })
})
