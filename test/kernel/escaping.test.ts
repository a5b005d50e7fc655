/** A host where everything that others can name or write is hostile to a terminal: no command passes any of it on. */
import { beforeAll, describe, expect } from 'bun:test'
import { captureHelpers } from '../support/capture.ts'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const test = requireTool('ip', 'nft', 'iptables', 'ping', 'nc', 'ss', 'timeout')

/** Clears the screen, sets a title, goes back in its line, begins a line of its own, and turns the direction round. */
const evil = '\x1b[2J\x1b]0;t\x07\r\x9b2J\u202e\u200b\u2028\nEVIL'
// No space, no line end, no byte 0xa0, at most 15 bytes.
const links = { UPLINK: 'e\x1b[2J\x9b\u202e', OTHER: 'o\x1b]0;\x07\u200b' }
const table = `t${evil}`
const rules = JSON.stringify({
  nftables: [
    { add: { table: { family: 'inet', name: table } } },
    {
      add: {
        chain: {
          ...{ family: 'inet', table, name: `c${evil}` },
          ...{ type: 'filter', hook: 'forward', prio: -5, policy: 'accept' },
        },
      },
    },
    { add: { chain: { family: 'inet', table, name: `d${evil}` } } },
    {
      add: {
        rule: {
          ...{ family: 'inet', table, chain: `c${evil}`, comment: `first ${evil}` },
          expr: [{ jump: { target: `d${evil}` } }],
        },
      },
    },
    {
      add: {
        rule: {
          ...{ family: 'inet', table, chain: `d${evil}`, comment: `last ${evil}` },
          expr: [
            { match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: 7777 } },
            { drop: null },
          ],
        },
      },
    },
  ],
})

/** A question for the name of two labels, and the same as an answer, as printf(1) writes them. */
const octal = (bytes: Uint8Array): string =>
  [...bytes].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join('')
const label = new TextEncoder().encode(evil)
const name = octal(Uint8Array.from([label.length, ...label, 2, 0x0d, 0x9b, 0]))
const question = `\\000\\007\\001\\000\\000\\001\\000\\000\\000\\000\\000\\000${name}\\000\\001\\000\\001`
const request = octal(new TextEncoder().encode(`GET /${evil} HTTP/1.1\r\nHost: ${evil}\r\n\r\n`))

const file = JSON.stringify({ spaces: { web: { [evil]: 1, publish: [evil], uplink: evil }, [evil]: {} } })

const environment = { ...links, EVIL: evil, FILE: file, NS: `n${evil.replaceAll('/', '')}`, RULES: rules }

const stage = `${captureHelpers}
  ip link set eth0 down; ip link set eth0 name "$UPLINK"; ip link set "$UPLINK" up
  ip link set "$UPLINK" alias "$EVIL"
  ip route add default via 192.168.1.1
  for place in '' '-n host2'; do
    ip $place link add "$OTHER" type veth peer name peer
    ip $place link set "$OTHER" up
  done
  ip address add 10.5.0.1/24 dev "$OTHER"
  ip netns add "$NS"
  ip netns add hand
  ip link add hand0 type veth peer name in0 netns hand
  ip link set hand0 alias "$EVIL"
  ip address add 10.8.0.1/24 dev hand0; ip link set hand0 up
  ip -n hand address add 10.8.0.2/24 dev in0; ip -n hand link set in0 up
  ip -n hand route add default via 10.8.0.1
  iptables -t nat -A POSTROUTING -s 10.8.0.0/24 -m comment --comment "$EVIL" -j MASQUERADE
  mkdir -p /run/root/etc
  natspace up -q myspace -p 8080:80
  ip -n myspace link add "$OTHER" type veth peer name peer
  ip -n myspace link set "$OTHER" up
  ip -n myspace link set peer up
  ip -n myspace route add 10.7.0.0/24 dev "$OTHER"
  ip -n myspace route replace default via $(ip -n myspace route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p') mtu 1400
  printf '%s' "$RULES" >/run/rules; nft -j -f /run/rules
  cp "$(command -v nc)" "/run/p$EVIL"
  "/run/p$EVIL" -lk 9090 >/run/ignored 2>&1 & server=$!
  ip netns exec host2 "/run/p$EVIL" -lk 9090 >/run/ignored 2>&1 & server2=$!
  trap 'kill $server $server2 $capture 2>/run/ignored || true' EXIT
  for place in '' 'ip netns exec host2'; do
    for attempt in $(seq 500); do $place ss -Hltn 'sport = :9090' | grep -q . && break; sleep 0.01; done
  done
  printf '%s' "$FILE" >/run/evil.yaml
`

/** Each command's words, told apart in what is printed by a line before it. */
const runs = `
  see() { printf '\\n=== %s\\n' "$1"; shift; code=0; timeout -s INT 10 "$@" 2>&1 || code=$?; printf '\\n(%s)\\n' $code; }
  for general in --color=always -j; do
    see "ls $general" $executable ls $general
    see "status $general" $executable status $general
    see "plan $general" $executable plan web -p 9090:80 $general -v
    see "up $general" $executable up web -p 9090:80 $general -v
    see "uplink $general" $executable up web --uplink "$UPLINK" $general -v
    see "down $general" $executable down web $general -v
    see "trace $general" $executable trace myspace --to 192.168.1.15 --timeout 0.3 $general -v
    see "drop $general" $executable trace myspace --to 192.168.1.15:7777 --timeout 0.3 $general -v
    see "predict $general" $executable trace myspace --to 192.168.1.15:7777 --predict $general -v
    rm -f /run/saved
    see "save $general" $executable trace myspace --to 192.168.1.15:7777 --timeout 0.3 --save /run/saved $general
    see "replay $general" $executable trace --replay /run/saved $general -v
    see "program $general" $executable trace myspace $general -v -- nc -w1 192.168.1.15 7777
    see "gc $general" $executable gc --dry-run $general
    see "adopt $general" $executable adopt hand --dry-run $general -v
    see "enable $general" $executable enable myspace --root /run/root $general
    see "attach $general" $executable up "$NS" $general
    see "missing $general" $executable status "$EVIL" $general
    see "option $general" $executable up web "--$EVIL" $general
    see "value $general" $executable up web --uplink "$EVIL" $general
    see "publish $general" $executable publish myspace "$EVIL" $general
    see "file $general" $executable up -f /run/evil.yaml $general
    see "no file $general" $executable up -f "/run/$EVIL" $general
    see "filter $general" $executable capture myspace "$EVIL" $general
    see "point $general" $executable capture myspace --at "$EVIL" $general
    see "no point $general" $executable capture myspace --at "/run/netns/$NS:$EVIL" $general
    see "target $general" $executable trace myspace --to "$EVIL" $general
    see "exec $general" $executable exec $general myspace -- "/run/none$EVIL"
    see "explain $general" $executable explain "$EVIL" $general
    see "command $general" $executable "$EVIL" $general
    see "doctor $general" $executable doctor myspace --to 192.168.1.15 $general
    see "doctor namespace $general" $executable doctor "/run/netns/$NS" --to 192.168.1.15 $general
    see "watch $general" timeout -s INT 1 $executable watch $general
  done
  for form in shell nft iptables json; do see "plan as $form" $executable plan web --uplink "$UPLINK" -v --as $form; done
  for form in yaml shell systemd networkd cni; do see "export as $form" $executable export myspace --as $form; done
  see "lab" $executable lab shell "$EVIL"
  for general in --color=always -j; do
    printf '\\n=== capture %s\\n' $general
    : >/run/lines; : >/run/err
    $executable capture myspace --at "$OTHER" --at "host2:$OTHER" --seconds 20 $general >/run/lines 2>/run/err & capture=$!
    for attempt in $(seq 500); do
      { grep -q 'capturing at' /run/err || grep -q snapshot /run/lines; } && break; sleep 0.01
    done
    printf '${question}' | ip netns exec myspace timeout 5 nc -u -q0 192.168.1.15 53 || true
    printf '${request}' | ip netns exec myspace timeout 5 nc -N -w1 192.168.1.15 9090 || true
    for attempt in $(seq 200); do [ $(grep -c 192.168.1.15 /run/lines) -ge 3 ] && break; sleep 0.02; done
    kill -INT $capture; wait $capture || true
    cat /run/lines /run/err
  done
`

/** What a terminal obeys, hides or turns round, but line ends and tabs. */
const obeyed = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/u

let parts: Map<string, string>

describe('on a host where every name is hostile', () => {
  beforeAll(() => {
    const text = expectOnNewHost(`${stage}\n${runs}`, environment)
    parts = new Map(
      text
        .split(/^=== /m)
        .slice(1)
        .map(part => {
          const end = part.indexOf('\n')
          return [part.slice(0, end), part.slice(end + 1)]
        }),
    )
  }, 60_000)

  const withoutColours = (text: string): string => text.replace(/\x1b\[(?:1|2|22|3[1236]|39)m/g, '')

  test('nothing that a terminal obeys is printed but colours where they are asked for', () => {
    expect(parts.size).toBe(2 * 32 + 4 + 5 + 1 + 2)
    for (const [what, text] of parts) {
      const shown = what.endsWith('--color=always') ? withoutColours(text) : text
      expect({ what, found: obeyed.exec(shown)?.[0] }).toEqual({ what, found: undefined })
    }
  })

  test('no name begins a line of its own', () => {
    for (const [what, text] of parts)
      expect({ what, found: /^.*^EVIL.*$/m.exec(withoutColours(text))?.[0] }).toEqual({
        what,
        found: undefined,
      })
  })

  test('the names are told all the same, as text', () => {
    const told = (what: string): string => withoutColours(parts.get(what) ?? '')
    const general = '--color=always'
    expect(told(`ls ${general}`)).toContain('e\\x1b[2J\\x9b\\u{202e}')
    expect(told(`status ${general}`)).toContain('e\\x1b[2J\\x9b\\u{202e}')
    expect(told(`status ${general}`)).toContain('dev o\\x1b]0;\\x07\\u{200b}')
    expect(told(`drop ${general}`)).toContain(
      'inet t\\x1b[2J\\x1b]0;t\\x07\\r\\x9b2J\\u{202e}\\u{200b}\\u{2028}\\nEVIL',
    )
    expect(told(`drop ${general}`)).toContain('d\\x1b[2J')
    expect(told(`up ${general}`)).toContain('p\\x1b[2J')
    expect(told(`filter ${general}`)).toContain('\\x1b[2J')
    expect(told('capture --color=always')).toContain('\\027[2J')
    expect(told('capture --color=always')).toContain('e\\x1b[2J\\x9b\\u{202e}')
    const lines = told('capture -j')
      .split('\n')
      .filter(line => line.startsWith('{'))
    expect(lines.map(line => JSON.parse(line)).map(({ point }) => point)).toContain(links.UPLINK)
    expect(JSON.parse(told('ls -j').split('\n')[0] ?? '').data[0].uplink).toBe(links.UPLINK)
  })
})
