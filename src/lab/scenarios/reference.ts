import { catalogue, type FaultCode, faultCodes, faultOf } from '../../insight/doctor/catalogue.ts'
import { scenarios } from './index.ts'

/** What the doctor named in one scenario, as it was recorded. */
export type RecordedRun = { code: string; title: string; found: string[] }

/** docs/faults.md: the catalogue, and how the doctor did on every fault that the lab can make. Pure. */
export const faultsReference = (runs: readonly RecordedRun[]): string =>
  `${[
    '# Faults that the doctor knows',
    '',
    '<!-- Written by scripts/generate-faults-doc.ts. -->',
    '',
    'Each is told from what the kernel says. `natspace explain CODE` shows one of them, `natspace lab run --scenario CODE`',
    'makes one and lets the doctor find it. They stand in the order in which they have to be mended; what follows from another',
    'fault is hidden behind it.',
    '',
    ...groups().flatMap(([title, codes]) => [
      `## ${title}`,
      '',
      '| code | fault | told by | what mends it | hidden behind | in the lab |',
      '|---|---|---|---|---|---|',
      ...codes.map(row),
      '',
    ]),
    ...scores(runs),
  ].join('\n')}\n`

const titles: Readonly<Record<string, string>> = {
  ENV: 'Privileges and the kernel',
  NS: 'The namespace',
  LNK: 'Links',
  ADR: 'Addresses',
  NGH: 'Neighbours',
  RT: 'Routes',
  UP: 'The way out of the host',
  SYS: 'Settings',
  FW: 'Firewalls',
  NAT: 'Translation',
  CT: 'Connections',
  PUB: 'Published ports',
  MTU: 'Sizes of packets',
  PERF: 'Speed',
  DNS: 'Names',
  RL: 'Rootless',
  ST: 'What natspace itself keeps',
}

/** Codes by what stands before their hyphen; those without one are general. */
const groups = (): [string, FaultCode[]][] => {
  const found = new Map<string, FaultCode[]>()
  for (const code of faultCodes) {
    const title = titles[code.split('-')[0] ?? ''] ?? 'General'
    found.set(title, [...(found.get(title) ?? []), code])
  }
  return [...found]
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

const row = (code: FaultCode): string => {
  const { severity, title, detection, remedy, dependsOn } = faultOf(code)
  const behind = dependsOn.map(name => (name.endsWith('-') ? `${name}*` : name)).join(', ')
  const count = scenarios.filter(scenario => scenario.code === code).length
  return `| ${code} | ${cell(title)}${severity === 'error' ? '' : ` (${severity})`} | ${cell(detection)} | ${cell(remedy)} | ${behind} | ${count === 0 ? '' : count} |`
}

const scores = (runs: readonly RecordedRun[]): string[] => {
  const isRight = ({ code, found }: RecordedRun) => found.length === 1 && found[0] === code
  const named = runs.filter(({ code, found }) => found.includes(code))
  const all = runs.flatMap(({ found }) => found)
  const true_ = runs.filter(({ code, found }) => found.includes(code)).length
  const percent = (part: number, whole: number) => `${((100 * part) / Math.max(1, whole)).toFixed(0)} %`
  return [
    '## How the doctor did',
    '',
    `Recorded by playing every scenario once: ${runs.length} faults of ${new Set(runs.map(({ code }) => code)).size} codes. The kernel tests hold it to`,
    'naming exactly the fault that was made, and nothing once it is taken back.',
    '',
    '| | |',
    '|---|---|',
    `| named (recall) | ${named.length} of ${runs.length}, ${percent(named.length, runs.length)} |`,
    `| right among all that was named (precision) | ${true_} of ${all.length}, ${percent(true_, all.length)} |`,
    `| named alone | ${runs.filter(isRight).length} of ${runs.length} |`,
    '',
    '| code | what was done | named |',
    '|---|---|---|',
    ...runs.map(
      ({ code, title, found }) => `| ${code} | ${cell(title)} | ${found.join(', ') || 'nothing'} |`,
    ),
    '',
    `Codes without a scenario: ${
      Object.keys(catalogue)
        .filter(code => !scenarios.some(scenario => scenario.code === code))
        .join(', ') || 'none'
    }.`,
  ]
}
