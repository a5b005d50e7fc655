/** `npm run bench [-- NAME] [--json] [--write]`: natspace timed against the tools it replaces. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { capture } from './capture.ts'
import { cni } from './cni.ts'
import { cold } from './cold.ts'
import { connections } from './connections.ts'
import { cycles } from './cycles.ts'
import { follow } from './follow.ts'
import { writeFiles, writeSection } from './lib/document.ts'
import type { BenchOptions } from './lib/options.ts'
import { BenchFailure } from './lib/process.ts'
import { asMarkdown, asText, type Report } from './lib/report.ts'
import { isInside, makeHost1, runInside } from './lib/sandbox.ts'
import { repair } from './repair.ts'
import { scale } from './scale.ts'
import { throughput } from './throughput.ts'

/** Every benchmark is a file of its own beside this one; all run when none is named. */
const benches: Readonly<Record<string, (options: BenchOptions) => Promise<Report>>> = {
  capture,
  cni,
  cold,
  connections,
  cycles,
  follow,
  repair,
  scale,
  throughput,
}

const usage = `npm run bench -- [NAME...] [options]
  NAME              ${Object.keys(benches).join(', ')}; all when none is named
  --json            the figures as JSON on standard output
  --write           the tables to docs/benchmarks.md as well
  --rounds N        timed rounds (20)
  --warm-ups N      rounds before those, untimed (3)
  --natspace FILE   the command to time (dist/natspace)
`

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      rounds: { type: 'string', default: '20' },
      'warm-ups': { type: 'string', default: '3' },
      natspace: { type: 'string', default: join(import.meta.dirname, '../dist/natspace') },
    },
  })
  const number = (text: string, least: number): number => {
    if (!/^\d{1,4}$/.test(text) || Number(text) < least)
      throw new BenchFailure(`${text} is no number of rounds from ${least} to 9999\n${usage}`)
    return Number(text)
  }
  const unknown = positionals.find(name => !Object.hasOwn(benches, name))
  if (unknown !== undefined) throw new BenchFailure(`There is no benchmark ${unknown}\n${usage}`)
  return {
    ...values,
    names: positionals.length > 0 ? positionals : Object.keys(benches),
    rounds: number(values.rounds, 1),
    warmUps: number(values['warm-ups'], 0),
    program: resolve(values.natspace),
  }
}

/** Progress goes to standard error, on one line of a terminal that is overwritten, and nowhere else. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

async function main(): Promise<number> {
  const { names, json, write, help, rounds, warmUps, program } = readArguments()
  if (help) {
    process.stdout.write(usage)
    return 0
  }
  if (!isInside()) return runInside()
  makeHost1()
  const reports: Report[] = []
  for (const name of names) {
    const report = await benches[name]?.({ program, warmUps, rounds, progress })
    if (report !== undefined) reports.push(report)
  }
  progress('')
  if (write)
    for (const report of reports) {
      writeSection(report.name, asMarkdown(report))
      writeFiles(report.files ?? {})
    }
  const data = reports.map(({ name, machine, missing, data }) => ({ name, machine, missing, ...data }))
  const text = json
    ? JSON.stringify({ schemaVersion: 1, command: 'bench', data, findings: [] }, undefined, 2)
    : reports.map(asText).join('\n\n')
  process.stdout.write(`${text}\n`)
  return 0
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof BenchFailure) && !(error instanceof TypeError && 'code' in error)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
