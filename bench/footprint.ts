/** `npm run bench -- footprint`: what is counted and not timed: writes, memory, and sizes. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type PackedPage, unpackPage } from '../src/server/front/page.ts'
import { mutatingCalls, mutations } from '../test/support/mutations.ts'
import { missingCompiler, peakOf } from './lib/compiler.ts'
import { describeMachine } from './lib/machine.ts'
import type { BenchOptions } from './lib/options.ts'
import { ask, BenchFailure } from './lib/process.ts'
import type { Report, Table } from './lib/report.ts'
import { restore } from './lib/sandbox.ts'
import { missingCommand, missingPrograms, versionOf } from './peers/contender.ts'
import { articleSpace } from './peers/natspace.ts'

const many = 100
const specFile = '/run/tmp/footprint.json'
const traceFile = '/run/tmp/footprint.trace'
const page = join(import.meta.dirname, '../dist/page.json')

/** Fewer than a space needs: if the trace shows no more of the first `up`, it shows nothing of the second. */
const fewestWrites = 15

const method = [
  'Writes are the system calls that change anything, as strace sees them: netlink requests that make or remove, settings,',
  'mounts, namespaces, files and folders. The lock is no write: it is opened and held. Memory is the most that a process had',
  `resident; with ${many} spaces there is one published port for each. The page is what a browser fetches if it opens every view.`,
]

const writesOf = (...run: readonly string[]): number => {
  ask('strace', '-f', '-y', '-o', traceFile, '-e', mutatingCalls, ...run)
  return mutations(readFileSync(traceFile, 'utf8')).length
}

type Writes = { readonly what: string; readonly first: number; readonly again: number }

const upOfArticle = ['up', '-q', 'myspace', ...articleSpace]
const upOfMany = ['up', '-q', '-f', specFile]

const writeSpecs = (): void => {
  const spaces = Array.from({ length: many }, (_, at) => [`s${at}`, { publish: [20_000 + at] }])
  writeFileSync(specFile, JSON.stringify({ spaces: Object.fromEntries(spaces) }))
}

const removeAll = (program: string): void => {
  ask(program, 'down', '-q', '--all')
  restore()
}

/** How much `up` writes, and how much when it has nothing to do. Throws where even the first is not seen to write. */
function countWrites(program: string): Writes[] {
  return [
    { what: 'up of the article’s space', words: upOfArticle },
    { what: `up -f of ${many} spaces`, words: upOfMany },
  ].map(({ what, words }) => {
    const first = writesOf(program, ...words)
    const again = writesOf(program, ...words)
    removeAll(program)
    if (first <= fewestWrites)
      throw new BenchFailure(`${what}: the trace shows ${first} writes, which cannot be all`)
    return { what, first, again }
  })
}

type Memory = { readonly what: string; readonly one: number; readonly many: number }

/** In MiB. */
function measureMemory(program: string): Memory[] {
  const of = (...words: readonly string[]) => peakOf(() => ask(program, ...words)) ?? 0
  const series = (up: readonly string[], name: string): number[] => {
    const found = [
      of(...up),
      of(...up),
      of('status'),
      of('ls'),
      of('exec', name, 'true'),
      of('gc'),
      of('down', '-q', '--all'),
    ]
    restore()
    return found
  }
  const one = series(upOfArticle, 'myspace')
  const all = series(upOfMany, 's0')
  const names = ['up', 'up, all right already', 'status', 'ls', 'exec', 'gc', 'down --all']
  return names.map((what, at) => ({ what, one: one[at] ?? 0, many: all[at] ?? 0 }))
}

/** Bytes of all files of the page together, packed as they are sent. */
const pageBytes = (): number =>
  [...unpackPage(JSON.parse(readFileSync(page, 'utf8')) as PackedPage).values()].reduce(
    (sum, { gzip }) => sum + gzip.length,
    0,
  )

const writesTable = (writes: readonly Writes[]): Table => ({
  title: 'Writes to the kernel and to files',
  head: ['', 'the first time', 'when all is right already'],
  rows: writes.map(({ what, first, again }) => [what, String(first), String(again)]),
})

const memoryTable = (memory: readonly Memory[]): Table => ({
  title: 'The most memory, MiB',
  head: ['', 'one space', `${many} spaces`],
  rows: memory.map(({ what, one, many }) => [what, one.toFixed(1), many.toFixed(1)]),
})

/** Runs the benchmark. Throws a BenchFailure when a program that is there fails. */
export async function footprint({ program, progress }: BenchOptions): Promise<Report> {
  const unable = missingCommand(program)
  const untraced = missingPrograms('strace', ['strace'])
  const compiler = missingCompiler()
  writeSpecs()
  progress('footprint: writes')
  const writes = unable === undefined && untraced === undefined ? countWrites(program) : []
  progress('footprint: memory')
  const memory = unable === undefined && compiler === undefined ? measureMemory(program) : []
  const sizes = unable === undefined ? { page: pageBytes(), program: statSync(program).size } : undefined
  const [article] = writes
  return {
    name: 'footprint',
    title: 'Writes, memory and sizes',
    method,
    machine: describeMachine(unable === undefined ? versionOf(program) : {}),
    tables: [
      ...(writes.length === 0 ? [] : [writesTable(writes)]),
      ...(memory.length === 0 ? [] : [memoryTable(memory)]),
      ...(sizes === undefined
        ? []
        : [
            {
              title: 'Sizes',
              head: ['', ''],
              rows: [
                ['the page, gzip', `${(sizes.page / 1000).toFixed(0)} kB`],
                ['the executable, with the runtime and the page', `${(sizes.program / 1e6).toFixed(0)} MB`],
              ],
            },
          ]),
    ],
    missing: [
      ...(unable === undefined ? [] : [`natspace: ${unable}`]),
      ...(untraced === undefined ? [] : [`writes: ${untraced}`]),
      ...(compiler === undefined ? [] : [`memory: ${compiler}`]),
    ],
    measures: {
      ...(article === undefined ? {} : { 'writes again': Math.max(...writes.map(({ again }) => again)) }),
      ...(sizes === undefined ? {} : { page: sizes.page / 1000 }),
    },
    data: { writes, memory, sizes },
  }
}
