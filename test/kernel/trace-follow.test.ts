/** `natspace trace` that follows: a program's flows, all flows, and those that come from outside. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ip', 'nft')
const connecting = requireTool('ip', 'nft', 'nc')

type Header = { source: string; destination: string; sourcePort?: number; destinationPort?: number }
type Line = {
  type: 'snapshot' | 'event' | 'end' | 'lost' | 'summary'
  flow: number
  direction: string
  old: boolean
  outcome: string
  refused: boolean
  at: { packet: string; point: string; hook?: string; chain?: string }
  points: { point: string; interface: string | null; request: Header | null; reply: Header | null }[]
  connection: { original: Header; reply: Header } | null
}

/**
 * Functions of the shell. `started` waits until a trace that writes to /run/told follows; `follow ARGUMENTS` begins
 * one that writes to /run/told, and `over` waits for its end, `stop` for that after a Ctrl-C; both print what it told.
 */
const functions = `
started() {
  for n in $(seq 500); do grep -q 'snapshot\\|following' /run/told /run/told.err 2>/dev/null && return 0; sleep 0.02; done
  echo "the trace did not start"; exit 1
}
follow() { rm -f /run/told*; $executable trace myspace --json "$@" >/run/told 2>/run/told.err & trace=$!; started; }
over() { status=0; wait $trace || status=$?; cat /run/told; cat /run/told.err >&2; echo "status $status"; }
until_told() {
  for n in $(seq 500); do [ "$(grep -c '"type":"end"' /run/told)" -ge "$1" ] && return 0; sleep 0.02; done
  echo "no story was told"; cat /run/told /run/told.err; exit 1
}
stop() { kill -INT $trace; over; }
listen() {
  ip netns exec $1 nc -lkN 80 >/dev/null 2>&1 </dev/null & server=$!
  for n in $(seq 200); do ip netns exec $1 ss -Hltn | grep -q :80 && break; sleep 0.01; done
}
`

type Told = { ends: Line[]; lines: Line[]; status: number; other: string[] }

/** What a script told on its stdout: lines of JSON, the status, and others. */
const toldOnNewHost = (script: string, options = ''): Told => {
  const output = expectOnNewHost(`natspace up -q myspace $article ${options}\n${functions}\n${script}`)
  const texts = output.split('\n').filter(Boolean)
  const lines = texts.filter(text => text.startsWith('{')).map(text => JSON.parse(text) as Line)
  const status = texts.map(text => /^status (\d+)$/.exec(text)?.[1]).findLast(Boolean)
  return {
    lines,
    ends: lines.filter(({ type }) => type === 'end'),
    status: Number(status ?? Number.NaN),
    other: texts.filter(text => !/^(\{|status )/.test(text)),
  }
}

const summary = ({ lines }: Told) => lines.at(-1)
const endings = ({ ends }: Told) =>
  ends.map(({ direction, outcome, refused }) => `${direction} ${outcome} ${refused}`)

describe('a program in the space', () => {
  connecting('has all its flows told, and its own exit status', () => {
    const told = toldOnNewHost(`
      status=0
      natspace trace myspace --json -- sh -c 'ping -q -c 2 -i 0.1 192.168.1.15; nc -w 1 192.168.1.15 81 </dev/null; exit 7' \\
        2>/run/err || status=$?
      echo "status $status"
      grep -c '2 packets transmitted' /run/err`)
    expect(endings(told)).toEqual(['out answered false', 'out answered true'])
    expect(told.status).toBe(7)
    expect(told.ends.map(({ flow }) => flow)).toEqual([1, 2])
    expect(summary(told)).toMatchObject({ type: 'summary', flows: 2, answered: 1, refused: 1, open: 0 })
    // With --json stdout is for JSON alone.
    expect(told.other).toEqual(['1'])
    for (const line of told.lines) if (line.type === 'event') expect([1, 2]).toContain(line.flow)
  })

  connecting('is told from with 3 when a flow was dropped, whatever it says itself', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      nft -f - <<'END'
      table ip filter { chain FORWARD { type filter hook forward priority 0; policy accept; tcp dport 25 drop; }; }
END
      status=0
      NO_COLOR=1 natspace trace myspace --timeout 0.4 -- sh -c 'echo mine; nc -w 1 192.168.1.15 25 </dev/null; true' \\
        2>/run/err || status=$?
      echo "status $status"; cat /run/err`)
    const lines = output
      .split('\n')
      .map(line => line.replace(/ at \d\d:\d\d:\d\d/, '').replace(/45\.3:\d+/, '45.3:PORT'))
    expect(lines[0]).toBe('mine')
    expect(lines.slice(1).map(line => line.replace(/ {2,}/g, '  '))).toEqual([
      'flow 1: a TCP connection',
      '  veth2 in the space  veth1 its cable  eth0 uplink',
      '  request  192.168.45.3:PORT > 192.168.1.15:25 SYN  =  -',
      '  reply  -  -  -',
      '  dropped: it was stopped by the rule "tcp dport 25 drop" of ip filter FORWARD (iptables)',
      '',
      'status 3',
      '1 flow: 1 dropped',
      '',
    ])
  })

  test('that is not there, and one that is killed, end as in a shell', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      status=0; natspace trace myspace -- nosuchprogram 2>/run/err || status=$?
      echo "$status $(grep -o 'code: .*' /run/err)"
      status=0; natspace trace myspace -q -- sh -c 'kill -TERM $$' || status=$?
      echo "$status"
      $executable trace myspace -q -- sleep 60 & trace=$!
      for n in $(seq 300); do ip netns pids myspace | grep -q . && break; sleep 0.01; done
      kill -TERM $trace; status=0; wait $trace || status=$?
      echo "$status $(ip netns pids myspace | wc -l) $(nft list tables | grep -c natspace-trace)"`)
    expect(output).toBe('127 code: PROGRAM_NOT_FOUND\n143\n143 0 0\n')
  })
})

describe('flows that come to the space', () => {
  connecting(
    'from one host are told, answered and dropped, with the connection as conntrack(8) lists it',
    () => {
      const told = toldOnNewHost(`
      listen myspace
      follow --from 192.168.1.15 --timeout 0.5
      echo x | ip netns exec host2 nc -N -w 2 192.168.1.32 8080
      until_told 1
      conntrack -L -p tcp 2>/dev/null | grep 'dport=8080' | tr -s ' ' | cut -d ' ' -f 5-12
      ip netns exec host2 nc -w 1 192.168.1.32 9999 </dev/null || true
      until_told 2
      nft -f - <<'END'
      table inet mine { chain there { type filter hook forward priority 10; oifname veth1 drop; }; }
END
      ip netns exec host2 nc -w 1 192.168.1.32 8080 </dev/null || true
      until_told 3
      # Not from there.
      ip netns exec myspace ping -q -c 1 -W 1 192.168.1.15 >/dev/null || true
      stop; kill $server`)
      expect(endings(told)).toEqual(['in answered false', 'in answered true', 'in dropped false'])
      expect(told.status).toBe(130)
      const [visit, , stopped] = told.ends
      expect(visit?.points.map(({ point, interface: name }) => `${point} ${name}`)).toEqual([
        'inside veth2',
        'cable veth1',
        'uplink eth0',
      ])
      expect(
        visit?.points.map(({ request }) => `${request?.destination}:${request?.destinationPort}`),
      ).toEqual(['192.168.45.3:80', '192.168.45.3:80', '192.168.1.32:8080'])
      const { original, reply } = visit?.connection ?? {}
      const text = (tuple: Header | undefined) =>
        `src=${tuple?.source} dst=${tuple?.destination} sport=${tuple?.sourcePort} dport=${tuple?.destinationPort}`
      expect(told.other[0]).toBe(`${text(original)} ${text(reply)}`)
      expect(stopped?.at).toMatchObject({ packet: 'request', point: 'uplink', chain: 'inet mine there' })
    },
  )

  connecting(
    'from anybody are told until there are enough: from a host, another space, and this host',
    () => {
      const told = toldOnNewHost(`
      natspace up -q other --address 192.168.77.2 --gateway 192.168.77.1/24
      listen myspace
      follow --from any --limit 3
      echo x | ip netns exec host2 nc -N -w 2 192.168.1.32 8080; until_told 1
      echo x | ip netns exec other nc -N -w 2 192.168.1.32 8080; until_told 2
      echo x | nc -N -w 2 192.168.1.32 8080
      over; kill $server`)
      expect(endings(told)).toEqual(['in answered false', 'in answered false', 'in answered false'])
      expect(told.status).toBe(0)
      const uplinks = told.ends
        .map(({ points }) => points[2])
        .map(point => [point?.interface, point?.request?.source])
      expect(uplinks).toEqual([
        ['eth0', '192.168.1.15'],
        ['veth-other', '192.168.77.2'],
        [null, '192.168.1.32'],
      ])
    },
  )
})

connecting(
  'visitors of a port that should be published, and is not, are told although the host takes them',
  () => {
    const told = toldOnNewHost(`
    follow --from any --limit 1
    nft delete element inet natspace publish4 '{ tcp . 8080 : 192.168.45.3 . 80 }'
    ip netns exec host2 nc -w 1 192.168.1.32 8080 </dev/null || true
    over`)
    expect(endings(told)).toEqual(['in answered true'])
    expect(told.ends[0]?.at).toMatchObject({ packet: 'request', point: 'uplink', hook: 'input' })
  },
)

describe('all flows', () => {
  connecting('are followed until Ctrl-C, and what is dropped later is told then', () => {
    const told = toldOnNewHost(`
      listen host2
      follow --follow --timeout 0.5
      (echo one; while [ ! -e /run/enough ]; do sleep 0.05; echo more; done) | ip netns exec myspace nc -N 192.168.1.15 80 &
      until_told 1
      nft -f - <<'END'
      table inet mine { chain there { type filter hook forward priority 10; tcp dport 80 drop; }; }
END
      until_told 2
      touch /run/enough
      nft delete table inet mine
      stop; kill $server`)
    expect(told.ends.map(({ flow, old, outcome, at }) => [flow, old, outcome, at.chain ?? null])).toEqual([
      [1, false, 'answered', null],
      [1, true, 'dropped', 'inet mine there'],
    ])
    expect(told.status).toBe(130)
  })

  connecting('can be chosen by a filter, by their ends, and by how many', () => {
    const told = toldOnNewHost(`
      follow --follow --filter 'tcp or icmp' --verdict drop,refused --limit 1 --timeout 0.3
      ip netns exec myspace ping -q -c 1 192.168.1.15 >/dev/null
      echo x | ip netns exec myspace nc -u -w 1 192.168.1.15 53
      ip netns exec myspace nc -w 1 192.168.1.15 81 </dev/null || true
      over`)
    expect(endings(told)).toEqual(['out answered true'])
    expect(told.ends[0]?.flow).toBeGreaterThan(1)
    expect(told.status).toBe(0)
  })

  connecting('that were there before are told as such', () => {
    const told = toldOnNewHost(`
      listen host2
      (while [ ! -e /run/enough ]; do echo more; sleep 0.05; done) | ip netns exec myspace nc -N 192.168.1.15 80 &
      for n in $(seq 200); do ip netns exec myspace ss -Htn | grep -q :80 && break; sleep 0.02; done
      follow --follow --limit 1
      over; touch /run/enough; kill $server`)
    expect(told.ends.map(({ flow, old, outcome }) => [flow, old, outcome])).toEqual([[1, true, 'answered']])
  })

  test('end when the space goes down', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      ${functions}
      $executable trace myspace --follow 2>/run/told.err & trace=$!; started
      natspace down -q myspace
      status=0; wait $trace || status=$?
      echo "$status $(grep -o 'code: [A-Z_]*' /run/told.err)"`)
    expect(output).toBe('1 code: SPACE_WENT_DOWN\n')
  })

  test('leave nothing behind: after Ctrl-C, SIGTERM and kill -9', () => {
    const output = expectOnNewHost(`
      natspace up -q myspace $article
      ${functions}
      state() { nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; ip netns exec myspace nft list ruleset; }
      mkdir /run/tracing; mount -t tracefs none /run/tracing 2>/dev/null || true
      instances() { ls /run/tracing/instances 2>/dev/null | grep -c "natspace-$1-" || true; }
      before=$(state)
      for signal in INT TERM KILL; do
        rm -f /run/told*
        $executable trace myspace --follow >/run/told 2>/run/told.err & trace=$!; started
        kill -$signal $trace; status=0; wait $trace || status=$?
        for n in $(seq 300); do nft list tables | grep -q natspace-trace || break; sleep 0.01; done
        [ "$before" = "$(state)" ] && echo "$signal $status"
        [ $signal = KILL ] && killed=$trace
      done
      # What is left in tracefs, where there is one, goes with the next trace.
      natspace trace -q myspace --to 192.168.1.15 >/dev/null
      instances $killed`)
    expect(output).toBe('INT 130\nTERM 143\nKILL 137\n0\n')
  })
})

test('what nobody can use is refused, with what to do', () => {
  const output = expectOnNewHost(`
    natspace up -q myspace $article
    for words in '' '--to 1.2.3.4 --follow' '--to 1.2.3.4 --filter icmp' '--follow --source-port 1' '--follow --payload x' \\
      '--follow --limit 0' '--follow --verdict dorp' '--follow --filter tcp+' '--from somewhere' '--from 1.2.3.4:0' \\
      '--from any ls' '--follow --as-root' '--follow --timeout -1'; do
      status=0; natspace trace myspace $words 2>/run/err || status=$?
      echo "$status $(grep -o 'code: [A-Z_]*' /run/err)"
      [ -z "$(grep 'fix:' /run/err)" ] && echo "no remedy for $words"
    done; true`)
  expect(output.trim().split('\n')).toEqual([
    '2 code: MISSING_ARGUMENT',
    '2 code: CONFLICTING_OPTIONS',
    '2 code: CONFLICTING_OPTIONS',
    '2 code: CONFLICTING_OPTIONS',
    '2 code: CONFLICTING_OPTIONS',
    '2 code: BAD_NUMBER',
    '2 code: BAD_CHOICE',
    '2 code: BAD_FILTER',
    '2 code: BAD_ORIGIN',
    '2 code: BAD_ORIGIN',
    '2 code: CONFLICTING_OPTIONS',
    '2 code: CONFLICTING_OPTIONS',
    '2 code: MISSING_VALUE',
  ])
})
