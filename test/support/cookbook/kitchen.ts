/**
 * Where the recipes of docs/cookbook.md are tried: a host that is made anew for each, with what the document says of it. A
 * recipe is typed there, its check is made by other programs, it is taken back, and the host must be as it was.
 */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { functions } from '../host.ts'
import type { Recipe } from './recipe.ts'

const dist = join(import.meta.dirname, '../../../dist')

/** What the host and the checks are made with. */
const words = `
tunnel() {
  ip link add wg0 address 02:00:00:00:00:02 type vxlan id 42 remote 192.0.2.1 srcport 4789 4790 dstport 4789 dev eth0
  ip address add 198.51.100.2/24 dev wg0
  ip link set wg0 up
}
outside() { ip netns exec outside "$@"; }
inside() { ip netns exec "$@"; }
# Must fail.
refused() { if "$@"; then echo "this should have failed: $*"; exit 1; fi; }
# hear NAME EXPRESSION counts the packets that come to the outside from now on; heard NAME tells how many there were.
hear() { name=$1; shift; outside nft "add rule inet heard prerouting $* counter comment \\"$name\\""; }
heard() { outside nft list chain inet heard prerouting | sed -n "s/.* packets \\([0-9]*\\) .*comment \\"$1\\".*/\\1/p"; }
is() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; exit 1; }; }
`

/** eth0 (192.0.2.2) leads to the namespace `outside` (192.0.2.1, 203.0.113.80), which serves pages and counts what it hears. */
const world = `
${words}
mount -t tmpfs tmpfs /run
mkdir -p /run/kitchen /run/www/cgi-bin
ip link set lo up
for name in accept_dad dad_transmits router_solicitations; do echo 0 >/proc/sys/net/ipv6/conf/default/$name; done
ip netns add outside
ip link add eth0 type veth peer name eth0 netns outside
ip address add 192.0.2.2/24 dev eth0
ip address add 2001:db8::2/64 dev eth0 nodad
ip -n outside link set lo up
ip -n outside address add 192.0.2.1/24 dev eth0
ip -n outside address add 2001:db8::1/64 dev eth0 nodad
ip -n outside address add 203.0.113.80/32 dev lo
ip link set eth0 up
ip -n outside link set eth0 up
ip route add default via 192.0.2.1
ip -6 route add default via 2001:db8::1
for attempt in $(seq 200); do
  ip -br link show eth0 | grep -q ' UP ' && ip -n outside -br link show eth0 | grep -q ' UP ' &&
    ip -6 -o route show table local dev eth0 | grep -q 'fe80.* kernel' && break
  sleep 0.01
done
ip netns exec outside nft -f - <<'END'
table inet heard {
  chain prerouting { type filter hook prerouting priority -400; }
}
END
echo hello from another host >/run/www/index.html
head -c 1000000 /dev/zero >/run/www/megabyte
cat >/run/www/cgi-bin/whoami <<'END'
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\nyou are %s\\n' "$(echo "$REMOTE_ADDR" | tr -d '[]' | sed 's/^::ffff://')"
END
chmod +x /run/www/cgi-bin/whoami
ip netns exec outside busybox httpd -p 80 -h /run/www
`

/** wg0, a tunnel through eth0 to the same: VXLAN, which needs no module beyond those of containers. */
const bothEnds = `
tunnel
ip -n outside link add wg0 type vxlan id 42 remote 192.0.2.2 dstport 4789 dev eth0
ip -n outside address add 198.51.100.1/24 dev wg0
ip -n outside link set wg0 up
`

/** The snapshot of a host, with the files that a recipe leaves; links that were made anew have other numbers. */
const everything = `{ snapshot | sed 's/"ifindex":[0-9]*,//g'; ls -lA /run/kitchen; }`

/** As a document of the shell's, which nothing in it can end. */
const written = (file: string, text: string): string =>
  `cat >${file} <<'END OF ${file}'\n${text}\nEND OF ${file}\n`

const script = ({ commands, undo }: Recipe, check: string): string => `set -e
${world}
${commands.includes('wg0') ? bothEnds : ''}
${functions}
${written('/run/recipe', commands)}${written('/run/undo', undo)}${written('/run/check', `${words}\n${check}`)}
cd /run/kitchen
# Rules of the document's own counters that a check may ask about what went before it.
hear http 'iifname eth0 tcp dport 80'
${everything} >/run/before
RECIPE=$KITCHEN sh -eu /run/recipe >/run/seen 2>&1 </dev/null || { echo "the recipe ended with $?"; cat /run/seen; exit 1; }
cat /run/seen
# A shell of its own: within a list of || the shell would not stop at what fails.
sh -eux /run/check >/run/checked 2>&1 </dev/null || { echo "its check ended with $?"; cat /run/checked; exit 1; }
sh -eu /run/undo >/run/undone 2>&1 </dev/null || { echo "the way back ended with $?"; cat /run/undone; exit 1; }
for attempt in $(seq 100); do
  left=$(grep -sl "RECIPE=$KITCHEN" /proc/[0-9]*/environ) || break
  sleep 0.1
done
[ -z "$left" ] || { echo "programs of the recipe are left: $left"; exit 1; }
${everything} >/run/after
diff /run/before /run/after || { echo 'the host is not as it was'; exit 1; }
`

/** Ends what a trial has left running; it is known by a variable that nobody else has. */
const endAll = (mark: string): void => {
  for (const name of readdirSync('/proc').filter(entry => /^\d+$/.test(entry))) {
    if (Number(name) === process.pid) continue
    try {
      if (readFileSync(`/proc/${name}/environ`, 'utf8').includes(mark)) process.kill(Number(name))
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
    }
  }
}

/** Types a recipe on a new host, checks it, takes it back. Returns all that was printed; throws what went wrong. */
export const cook = (recipe: Recipe, check: string): string => {
  if (!existsSync(join(dist, 'natspace'))) throw new Error('dist/natspace is missing: npm run build')
  const mark = randomUUID()
  try {
    const { status, stdout, stderr, error } = spawnSync(
      'unshare',
      ['--net', '--mount', '--propagation', 'private', '/bin/sh', '-c', script(recipe, check)],
      {
        encoding: 'utf8',
        timeout: 50_000,
        env: { ...process.env, KITCHEN: mark, PATH: `${dist}:${process.env.PATH}`, NO_COLOR: '1' },
      },
    )
    if (error) throw error
    if (status !== 0) throw new Error(`'${recipe.title}': ${stdout}${stderr}`)
    return stdout
  } finally {
    endAll(mark)
  }
}
