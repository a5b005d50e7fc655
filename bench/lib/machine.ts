import { readFileSync } from 'node:fs'
import { availableParallelism, release, totalmem } from 'node:os'
import { ask, findProgram } from './process.ts'

/** What the figures were measured on. `versions` holds name and version of each program that took part. */
export type Machine = {
  readonly processor: string
  readonly cores: number
  /** In GiB, rounded. */
  readonly memory: number
  readonly kernel: string
  readonly versions: Readonly<Record<string, string>>
}

/** This machine and these programs' versions. */
export const describeMachine = (versions: Readonly<Record<string, string>>): Machine => ({
  processor:
    /^(?:model name|Model)\s*: (.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch,
  cores: availableParallelism(),
  memory: Math.round(totalmem() / 2 ** 30),
  kernel: `Linux ${release()}`,
  versions,
})

/** The version of a Debian package, or undefined where there is none. Equivalent to: `dpkg-query -W NAME`. */
export function packageVersion(name: string): string | undefined {
  if (findProgram('dpkg-query') === undefined) return undefined
  const installed = ask('dpkg-query', '-W').split('\n')
  return installed.map(line => line.split('\t')).find(([known]) => known === name)?.[1]
}
