/**
 * The path of a container's namespace leads elsewhere while natspace is at work: whoever can write where it is may do that at
 * any moment. Either everything is done in the one that the path led to at first, or nothing is done anywhere.
 */
import { expect } from 'bun:test'
import { linesOf, objectsOf, onCniHost } from '../support/cni-script.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'flock')

const words = `
pool=',"ipam":{"subnet":"10.88.0.0/24"},"sysctl":{"net.ipv4.ip_default_ttl":"99"},"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80}]}'
# Everything that must be as it was, here and in these namespaces.
rest() {
  whole
  for name in "$@"; do
    ip -n $name -d -j link; ip -n $name -j route; ip netns exec $name sysctl net.ipv4.ip_default_ttl
  done | sed 's/"operstate":"[A-Z]*",//g'
}
# What could be left over, quickly.
little() {
  ip -br link; ip -br -n one link; ip -br -n two link; nft list tables; ls /run/natspace 2>&1 || true; sysctl net.ipv4.ip_forward
}
# bind NAME: the path leads to that namespace from now on, in one step.
bind() { ln -sfn /run/$1 /run/next; mv -T /run/next /run/way; }
for name in one two; do ip netns add $name; mkdir /run/$name; : >/run/$name/net; mount --bind /run/netns/$name /run/$name/net; done
mkdir /run/host /run/none; : >/run/host/net; mount --bind /proc/self/ns/net /run/host/net
`

test('a path that changes while another holds the lock: an error, and nothing is done anywhere', () => {
  const output = onCniHost(`${words}
    for other in two host none; do
      bind one
      rest one two >/run/before
      mkdir /run/natspace
      { flock 9; : >/run/held; while [ -e /run/held ]; do sleep 0.01; done; } 9>/run/natspace/lock & holder=$!
      for attempt in $(seq 1000); do [ -e /run/held ] && break; sleep 0.01; done
      netns=/run/way/net cni ADD c1 "$(network net "$pool")" >/run/answer & request=$!
      # It has opened the namespace: the path may lead elsewhere now.
      opened=
      for attempt in $(seq 500); do
        process=$(pgrep -P $request -f natspace | head -1)
        stat -Lc %i /proc/$process/fd/* 2>/dev/null | grep -qx $(stat -Lc %i /run/netns/one) && opened=yes && break
        sleep 0.01
      done
      [ "$opened" ] || echo 'never opened'
      bind $other
      rm /run/held; wait $holder; wait $request
      cat /run/answer
      rest one two >/run/after
      diff /run/before /run/after && echo EQUAL
    done`)
  expect(objectsOf(output).map(({ code }) => code)).toEqual([100, 100, 100])
  expect(objectsOf(output).map(({ details }) => String(details).split('; ')[0])).toEqual(
    Array(3).fill('code NO_NAMESPACE'),
  )
  expect(linesOf(output, /EQUAL/)).toHaveLength(3)
})

test('a path that changes all the time: whole in one namespace, or not at all, and never in that of the host', () => {
  const rounds = 200
  const output = onCniHost(`${words}
    bind one
    rest one two >/run/whole; little >/run/before
    : >/run/going
    { for turn in $(seq 20000); do
        [ -e /run/going ] || break
        for other in one two host one two none; do bind $other; done
      done; } & changer=$!
    for round in $(seq ${rounds}); do
      netns=/run/way/net cni ADD c1 "$(network net "$pool")" >/run/answer 2>&1
      if grep -q '"ips"' /run/answer; then
        found=$(for name in one two; do
          ip -n $name -o -4 address show eth0 2>/dev/null | grep -q 10.88.0.2 &&
            [ "$(ip netns exec $name sysctl -n net.ipv4.ip_default_ttl)" = 99 ] && echo $name
        done)
        case "$found" in one | two) echo whole ;; *) echo "round $round: in '$found'"; cat /run/answer ;; esac
      else
        grep -oE '"code": [0-9]+' /run/answer | sort -u
      fi
      # The runtime takes it away by the path of that time, wherever that leads.
      netns=/run/way/net cni DEL c1 "$(network net)"
      # A setting comes back only where the path leads to its namespace again.
      for name in one two; do ip netns exec $name sysctl -qw net.ipv4.ip_default_ttl=64; done
      little | diff /run/before - >/run/difference || { echo "round $round left something"; cat /run/difference; }
    done
    rm /run/going; wait $changer
    bind one; rest one two | diff /run/whole - && echo EQUAL`)
  const lines = linesOf(output, /./)
  expect(lines.filter(line => !/^(whole|"code": (4|100))$/.test(line))).toEqual(['EQUAL'])
  expect(lines).toHaveLength(rounds + 1)
  expect(lines).toContain('whole')
}, 120_000)
