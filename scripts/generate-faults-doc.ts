/**
 * Writes docs/faults.md, and plays every scenario of the lab for its figures (with --keep: takes those of the last time).
 * Run after any change of the doctor's catalogue or of the scenarios; the command has to be built.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { faultsReference, type RecordedRun } from '../src/lab/scenarios/reference.ts'

const root = join(import.meta.dirname, '..')
const recorded = join(root, 'test/golden/doctor-scenarios.json')

const play = (): RecordedRun[] => {
  const { stdout, stderr } = spawnSync(
    join(root, 'dist/natspace'),
    ['lab', 'run', '--scenario', 'all', '--json'],
    {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      timeout: 600_000,
    },
  )
  if (!stdout.startsWith('{')) throw new Error(stderr)
  const { data } = JSON.parse(stdout) as {
    data: { scenarios: { code: string; title: string; named: string[] }[] }
  }
  return data.scenarios.map(({ code, title, named }) => ({ code, title, found: named }))
}

const runs = process.argv.includes('--keep')
  ? (JSON.parse(readFileSync(recorded, 'utf8')) as RecordedRun[])
  : play()
// Short lists in a line, as the formatter wants them.
const text = JSON.stringify(runs, undefined, 2).replace(
  /\[\n\s+([^[\]{}]*?)\n\s+\]/g,
  (_, items: string) => `[${items.replace(/\s*\n\s*/g, ' ')}]`,
)
writeFileSync(recorded, `${text}\n`)
writeFileSync(join(root, 'docs/faults.md'), faultsReference(runs))
