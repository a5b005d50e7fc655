/** `npm run bench [-- NAME...] [--json] [--write]`: natspace timed against the tools it replaces. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { capture } from './capture.ts'
import { cni } from './cni.ts'
import { cold } from './cold.ts'
import { connections } from './connections.ts'
import { cycles } from './cycles.ts'
import { follow } from './follow.ts'
import { footprint } from './footprint.ts'
import { budgetReport, measureAll } from './lib/budgets.ts'
import { writeReport } from './lib/document.ts'
import type { Section } from './lib/options.ts'
import { BenchFailure } from './lib/process.ts'
import { asText, type Report } from './lib/report.ts'
import { isInside, makeHost1, runInside } from './lib/sandbox.ts'
import { podman } from './podman.ts'
import { profile } from './profile.ts'
import { repair } from './repair.ts'
import { scale } from './scale.ts'
import { throughput } from './throughput.ts'

/** Every benchmark is a file of its own beside this one; all run, in this order, when none is named. */
const sections: Readonly<Record<string, Section>> = {
  cold: { run: cold, warmUps: 3, rounds: 30 },
  profile: { run: profile, warmUps: 3, rounds: 20 },
  scale: { run: scale, warmUps: 1, rounds: 20 },
  cni: { run: cni, warmUps: 2, rounds: 10 },
  podman: { run: podman, warmUps: 2, rounds: 20 },
  footprint: { run: footprint, warmUps: 0, rounds: 1 },
  connections: { run: connections, warmUps: 3, rounds: 20 },
  throughput: { run: throughput, warmUps: 2, rounds: 20 },
  capture: { run: capture, warmUps: 1, rounds: 6 },
  follow: { run: follow, warmUps: 1, rounds: 8 },
  repair: { run: repair, warmUps: 3, rounds: 20 },
  cycles: { run: cycles, warmUps: 1, rounds: 40 },
}

/** A section that takes longer than this, in seconds, is ended: several times what the longest of them needs. */
const mostSeconds = 1200

const spelledRounds = Object.entries(sections)
  .map(([name, { rounds }]) => `${name} ${rounds}`)
  .join(', ')

const usage = `npm run bench -- [NAME...] [options]

Times natspace beside the tools it replaces, each section in a sandbox of its own with no way out, and prints the figures
of each as it ends. A section that fails is told, and does not keep the others from running; the exit status is then 1.

  NAME              a section; all when none is named
  --write           also the tables and pictures to docs/, each section to its document; the table of all budgets is
                    written where one run has measured them all
  --json            the figures as JSON on standard output
  --rounds N        timed rounds; by default as many as are worth their time
  --warm-ups N      rounds before those, untimed
  --natspace FILE   the command to time (dist/natspace)
  -h, --help        this

Sections, with their usual rounds: ${spelledRounds}.
`

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      rounds: { type: 'string' },
      'warm-ups': { type: 'string' },
      natspace: { type: 'string', default: join(import.meta.dirname, '../dist/natspace') },
    },
  })
  const number = (text: string | undefined, least: number): number | undefined => {
    if (text === undefined) return undefined
    if (!/^\d{1,4}$/.test(text) || Number(text) < least)
      throw new BenchFailure(`${text} is no number of rounds from ${least} to 9999\n${usage}`)
    return Number(text)
  }
  const unknown = positionals.find(name => !Object.hasOwn(sections, name))
  if (unknown !== undefined) throw new BenchFailure(`There is no benchmark ${unknown}\n${usage}`)
  return {
    ...values,
    names: positionals.length > 0 ? [...new Set(positionals)] : Object.keys(sections),
    rounds: number(values.rounds, 1),
    warmUps: number(values['warm-ups'], 0),
    program: resolve(values.natspace),
  }
}

type Arguments = ReturnType<typeof readArguments>

/** Progress goes to standard error, on one line of a terminal that is overwritten, and nowhere else. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

/** Within the sandbox: the one section that is named, its report as JSON. */
async function measure({ names: [name = ''], rounds, warmUps, program }: Arguments): Promise<number> {
  const section = sections[name]
  if (section === undefined) throw new BenchFailure(`There is no benchmark ${name}`)
  makeHost1()
  const report = await section.run({
    program,
    rounds: rounds ?? section.rounds,
    warmUps: warmUps ?? section.warmUps,
    progress,
  })
  progress('')
  process.stdout.write(JSON.stringify(report))
  return 0
}

/** One section, in a sandbox of its own; undefined where it failed, which is told. */
async function sectionOf(name: string, { rounds, warmUps, program }: Arguments): Promise<Report | undefined> {
  const start = performance.now()
  const told = (how: string) => {
    const seconds = (performance.now() - start) / 1000
    process.stderr.write(`${name}: ${how}${seconds.toFixed(0)} s\n`)
  }
  const number = (option: string, value: number | undefined) =>
    value === undefined ? [] : [option, `${value}`]
  const words = [name, ...number('--rounds', rounds), ...number('--warm-ups', warmUps), '--natspace', program]
  try {
    const report = JSON.parse(await runInside(mostSeconds, ...words)) as Report
    told('')
    return report
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error
    progress('')
    process.stderr.write(`${name}: ${error.message}\n`)
    told('failed after ')
    return undefined
  }
}

async function measureAllOf(given: Arguments): Promise<number> {
  const { names, json, write } = given
  const reports: Report[] = []
  const add = (report: Report) => {
    reports.push(report)
    if (!json) process.stdout.write(`${asText(report)}\n\n`)
    // At once: what comes later may fail.
    if (write) writeReport(report)
  }
  const start = performance.now()
  for (const name of names) {
    const report = await sectionOf(name, given)
    if (report !== undefined) add(report)
  }
  const failed = names.length - reports.length
  if (measureAll(reports.map(({ name }) => name))) add(budgetReport(reports))
  if (json) {
    const data = reports.map(({ name, machine, missing, measures, data }) => ({
      name,
      machine,
      missing,
      measures,
      ...data,
    }))
    const whole = { schemaVersion: 1, command: 'bench', data, findings: [] }
    process.stdout.write(`${JSON.stringify(whole, undefined, 2)}\n`)
  }
  process.stderr.write(
    `${names.length} sections: ${((performance.now() - start) / 60_000).toFixed(1)} minutes\n`,
  )
  return failed === 0 ? 0 : 1
}

async function main(): Promise<number> {
  const given = readArguments()
  if (given.help) {
    process.stdout.write(usage)
    return 0
  }
  return isInside() ? measure(given) : measureAllOf(given)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof BenchFailure) && !(error instanceof TypeError && 'code' in error)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
