import { join } from 'node:path'
import { compile, compiledFrom, missingCompiler } from '../lib/compiler.ts'
import { ask, timed } from '../lib/process.ts'
import { type Contender, missingPrograms } from './contender.ts'

const script = (name: string): string => join(import.meta.dirname, name)

const version = (command: readonly [string, ...string[]], pattern: RegExp): string =>
  pattern.exec(ask(...command))?.[1] ?? 'of unknown version'

/** The reference experiment typed by hand: one `sh` that runs article.sh. */
export const shell: Contender = {
  name: 'shell',
  what: 'the article’s commands, by sh',
  missing: () => missingPrograms('iptables', ['iptables']),
  up: () => timed({ run: ['sh', script('article.sh')] }).milliseconds,
  down: () => void ask('sh', script('article-undo.sh')),
  versions: () => ({
    iproute2: version(['ip', '-V'], /iproute2-([^,]+)/),
    iptables: version(['iptables', '-V'], /iptables v(.+)/),
  }),
}

/** The same result with the fewest processes a shell can do it with. */
export const batch: Contender = {
  name: 'batch',
  what: 'ip -batch and nft -f, by sh',
  missing: () => undefined,
  up: () => timed({ run: ['sh', script('batch.sh')] }).milliseconds,
  down: () => void ask('sh', script('batch-undo.sh')),
  versions: () => ({ nftables: version(['nft', '-v'], /nftables v(\S+)/) }),
}

/** As `batch`, where the table of many.ts is there. Milliseconds. */
export const batchNext = (): number => timed({ run: ['sh', script('batch-next.sh')] }).milliseconds

const floorSource = 'peers/floor.c'

/** The system calls alone, from a C program that is compiled beforehand. */
export const floor: Contender = {
  name: 'floor',
  what: 'the system calls alone, from C',
  missing: missingCompiler,
  prepare: () => void compile(floorSource),
  up: () => timed({ run: [compiledFrom(floorSource)] }).milliseconds,
  down: () => void ask('sh', script('batch-undo.sh')),
  versions: () => ({ gcc: version(['gcc', '--version'], /([\d.]+)$/m) }),
}
