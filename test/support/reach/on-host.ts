import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectOnNewHost } from '../host.ts'
import type { Probe, Report, Server } from './exchange.ts'

/** What is to be tried; its addresses may stand there by name, `<web6>`, where `names` of the script knows them. */
export type Plan = { servers: readonly Server[]; probes: readonly Probe[] }

const runtime = process.execPath
const program = (name: string): string => `${runtime} ${join(import.meta.dirname, name)}`

/**
 * `reach PLAN` tries a plan, at the point of the script where it stands. `names SPACE...` says, once they are up, which
 * addresses spaces and their gateways have: `<web4>`, `<web6>`, `<web-gateway4>`, `<web-gateway6>`, and the host's
 * `<link-local>`. `dual_stack` gives the host and host2 addresses of IPv6. `advertise DEVICE SECONDS [PREFIX]` is a router.
 */
const functions = (folder: string): string => `
dual_stack() {
  ip address add 2001:db8::32/64 dev eth0 nodad
  ip -n host2 address add 2001:db8::15/64 dev eth0 nodad
  until_settled; until_settled '-n host2'
}
until_settled() { for attempt in $(seq 300); do ip $1 -6 address | grep -q tentative || return 0; sleep 0.01; done; }
address() { ip $1 -$2 -o address show dev $3 scope $4 | sed 's/.*inet6* \\([^/]*\\).*/\\1/'; }
names() {
  for space in "$@"; do for family in 4 6; do
    echo $space$family $(address "-n $space" $family eth0 global)
    echo $space-gateway$family $(address '' $family veth-$space global)
  done; done >/run/names
  echo link-local $(address '' 6 eth0 link) >>/run/names
}
reach() {
  touch /run/names
  while read name value; do echo "s#<$name>#$value#g"; done </run/names >/run/substitute
  sed -f /run/substitute ${folder}/$1.plan | ${program('prober.ts')} >${folder}/$1.report
}
advertise() { ip netns exec host2 ${program('advertise.ts')} "$@"; }
`

/** What became of a script: all that it printed, what `names` said last, and the reports of its plans. */
export type Reached<Name extends string> = {
  output: string
  names: ReadonlyMap<string, string>
  reports: Record<Name, Report>
}

/** Runs a script as expectOnNewHost does, with plans for its function `reach`, each to be tried. */
export const reachOnNewHost = <Name extends string>(
  script: string,
  plans: Record<Name, Plan>,
): Reached<Name> => {
  // Not in the folder for temporary files, which may lie below /run: the host has a /run of its own.
  const folder = mkdtempSync('/tmp/natspace-reach-')
  const fileOf = (name: string, kind: 'plan' | 'report') => join(folder, `${name}.${kind}`)
  try {
    for (const [name, plan] of Object.entries(plans))
      writeFileSync(fileOf(name, 'plan'), JSON.stringify(plan))
    const text = expectOnNewHost(`${functions(folder)}\n${script}\necho; echo "names:"; cat /run/names`)
    const [output = '', names = ''] = text.split('\nnames:\n')
    const reports = Object.keys(plans).map(name => [
      name,
      JSON.parse(readFileSync(fileOf(name, 'report'), 'utf8')),
    ])
    return {
      output,
      names: new Map(names.split('\n').map(line => line.split(' ') as [string, string])),
      reports: Object.fromEntries(reports),
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
