/** The C programs of the benchmarks: each is compiled once in a sandbox. */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { missingPrograms } from '../peers/contender.ts'
import { ask, withPeak } from './process.ts'

/** Why nothing can be compiled, and what to install, or undefined when it can. */
export const missingCompiler = (): string | undefined =>
  missingPrograms('gcc', ['gcc']) ?? missingPrograms('libc6-dev', ['stdio.h'], ['/usr/include'])

/** Where the program that is compiled from this source stands; the source by its path from bench/. */
export const compiledFrom = (source: string): string => `/run/tmp/${basename(source, '.c')}`

/** Compiles a program unless that was done, and returns its path. Throws a BenchFailure where it fails. */
export function compile(source: string): string {
  const program = compiledFrom(source)
  if (!existsSync(program))
    ask('gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-o', program, join(import.meta.dirname, '..', source))
  return program
}

/** Compiles what measures the memory of other programs, and returns its path: see `withPeak`. */
export const compileGauge = (): string => compile('peers/peak.c')

/** The most memory of the programs that `section` starts, in MiB; undefined where nothing can be compiled. It is run either way. */
export function peakOf(section: () => unknown): number | undefined {
  if (missingCompiler() === undefined) return withPeak(compileGauge(), section).peak
  section()
  return undefined
}
