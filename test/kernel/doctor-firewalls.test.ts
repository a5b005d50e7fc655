/**
 * The doctor beside real firewalls: it finds nothing where `up --fix-firewall` made the remedy; without that it names the
 * firewall, the fix it prints, run by sh, heals, and its undo takes that back.
 */
import { describe, expect } from 'bun:test'
import { expectOnFirewallHost, requireFirewalls } from '../support/firewalls.ts'

const test = requireFirewalls()

/** A TCP port of host2 that refuses: ufw lets echoes through. */
const to = '--to 192.168.1.15:81'

const functions = `
examine() { natspace doctor --json "$@" && status=0 || status=$?; echo "status $status"; }
part() { ${process.execPath} -p 'JSON.parse(require("fs").readFileSync("/run/found").toString().split("\\n")[0]).findings[0].fix.'$1'.join("\\n")'; }
`

type Finding = { code: string; severity: string; title: string }

/** What each call of `examine` said: codes that are no notices, and its exit status. */
const saidBy = (output: string): { codes: string[]; status: number; titles: string[] }[] => {
  const lines = output.trim().split('\n')
  return lines.flatMap((line, place) => {
    if (!line.startsWith('{')) return []
    const { findings } = JSON.parse(line) as { findings: Finding[] }
    const serious = findings.filter(({ severity }) => severity !== 'notice')
    const status = Number(/^status (\d+)$/.exec(lines[place + 1] ?? '')?.[1])
    return [{ codes: serious.map(({ code }) => code), status, titles: serious.map(({ title }) => title) }]
  })
}

const firewalls = [
  { name: 'ufw', code: 'FW-UFW-FWD', says: /by the policy of ip filter FORWARD \(ufw\)$/ },
  {
    name: 'firewalld',
    code: 'FW-FWD-ZONE',
    says: /by the rule "reject with icmpx admin-prohibited" of inet firewalld filter_FORWARD \(firewalld\)/,
  },
  { name: 'docker', code: 'FW-DOCKER', says: /by the policy of ip filter FORWARD \(Docker\)$/ },
  {
    name: 'legacy',
    code: 'FW-LEGACY',
    says: /something at the hook forward stopped it that tells no events, as iptables-legacy$/,
  },
] as const

describe.each(firewalls)('$name', ({ name, code, says }) => {
  test('nothing is found with the remedy; without it the fix that is printed heals, and its undo takes it back', () => {
    const output = expectOnFirewallHost(`${functions}
      ${name}_start
      natspace up -q myspace $article --fix-firewall
      examine myspace ${to}
      natspace down -q myspace
      natspace up -q myspace $article 2>/dev/null
      theirs >/run/before
      examine myspace ${to} >/run/found
      cat /run/found
      part commands >/run/fix
      part undo >/run/undo
      sh -e /run/fix >/dev/null
      examine myspace ${to}
      sh -e /run/undo >/dev/null
      theirs >/run/after
      diff /run/before /run/after >&2`)
    const [remedied, found, healed, ...more] = saidBy(output)
    expect(remedied).toEqual({ codes: [], status: 0, titles: [] })
    expect(found).toEqual({ codes: [code], status: 3, titles: [expect.stringMatching(says) as string] })
    expect(healed).toEqual({ codes: [], status: 0, titles: [] })
    expect(more).toEqual([])
  }, 60_000)
})
