import { writeSync } from 'node:fs'
import { pause } from '../linux/sys/pause.ts'
import type { Evidence } from '../space/text/evidence.ts'
import { table } from '../space/text/table.ts'
import { wrap } from '../space/text/wrap.ts'
import { network } from './places.ts'
import type { Proof } from './proof.ts'

/** The words and colours of the lab. Pure, but for `Screen`, which writes. */

/** SGR codes (ECMA-48); without colour the texts are as they are. */
export type Paint = {
  good(text: string): string
  bad(text: string): string
  soft(text: string): string
  strong(text: string): string
  /** A field that has become another: by a star where there are no colours. */
  changed(text: string): string
}

export const paint = (colours: boolean): Paint => {
  const sgr = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text)
  return {
    good: sgr(32),
    bad: sgr(31),
    soft: sgr(2),
    strong: sgr(1),
    changed: colours ? sgr(36) : text => `${text}*`,
  }
}

/** Columns of running text. */
const width = 110

/** The topology as a small picture. */
export const picture = (): string[] => {
  const { space, uplink, host1, host2, router } = network
  const row = (left: string, middle = '', right = '') =>
    `  ${left.padEnd(33)}${middle.padEnd(36)}${right}`.trimEnd()
  const cable = (end: string, width: number) => `${end} `.padEnd(width - 1, '─')
  return [
    row('myspace (namespace)', 'host1', 'host2'),
    row(cable(`${space.interface} ${space.address}/24`, 33), `${space.hostInterface} ${space.gateway}/24`),
    row(
      `default via ${space.gateway}`,
      `${cable(`${uplink} ${host1}/24`, 29)} LAN ──`,
      `${uplink} ${host2}/24`,
    ),
    row('', `default via ${router}`, `default via ${router}`),
    row('', 'forwards nothing, FORWARD drops'),
  ]
}

/**
 * One proof: its mark and name, then what was expected and what was seen; where these are word for word the same they
 * are shown once.
 */
export const proofLines = ({ name, ok, expected, seen }: Proof, colours: Paint): string[] => {
  const { soft } = colours
  const title = `${mark({ ok }, colours)} ${name}`
  const labelled = (label: string, text: string) =>
    text.split('\n').map((line, index) => `    ${soft((index === 0 ? label : '').padEnd(9))} ${line}`)
  if (!ok || expected !== seen) return [title, ...labelled('expected', expected), ...labelled('seen', seen)]
  return seen.includes('\n') ? [title, ...labelled('seen', seen)] : [`${title}: ${seen}`]
}

/** A proof as a row of a table. */
export type ProofRow = { cells: readonly string[]; proof: Proof }

/** Colours need no words. */
const legend = '  (* changed since the point before)'

/** Proofs side by side, each with its mark; what was expected instead stands below the table. */
export const tableLines = (
  headings: readonly string[],
  rows: readonly ProofRow[],
  colours: Paint,
): string[] => {
  const marked = rows.map(({ cells, proof }) => [mark(proof, colours), ...cells])
  return [
    ...table(['', ...headings], marked, colours.soft),
    ...(marked.some(cells => cells.join().includes('*')) ? [legend] : []),
    ...rows.filter(({ proof }) => !proof.ok).flatMap(({ proof }) => proofLines(proof, colours)),
  ]
}

/** A sentence that must be true, by its number in its text where it has one, with what was seen of it below. */
export const claimLines = (proof: Proof, colours: Paint, number?: number): string[] => {
  const start = number === undefined ? '' : `${number}. `
  const [first = '', ...rest] = wrap(start + proof.expected, width - 2)
  return [
    `${mark(proof, colours)} ${first}`,
    ...rest.map(line => `  ${line}`),
    ...proof.seen.split('\n').map(line => `    ${proof.ok ? colours.soft(line) : colours.bad(line)}`),
  ]
}

const mark = ({ ok }: Pick<Proof, 'ok'>, { good, bad }: Paint): string => (ok ? good('✓') : bad('✗'))

/** Where the lab's lines go: data to stdout; nothing at all when the result is JSON. */
export class Screen {
  readonly #silent: boolean
  readonly colours: boolean
  /** Whether every chain is shown. */
  readonly verbose: boolean
  readonly paint: Paint

  constructor({
    silent,
    colours,
    verbose = false,
  }: {
    silent: boolean
    colours: boolean
    verbose?: boolean
  }) {
    this.#silent = silent
    this.colours = colours
    this.verbose = verbose && !silent
    this.paint = paint(colours)
  }

  say(...lines: string[]): void {
    if (!this.#silent) writeOut(`${lines.join('\n')}\n`)
  }

  heading(text: string): void {
    const lines = text.includes('\n') ? text.split('\n') : wrap(text, width)
    this.say('', ...lines.map(this.paint.strong))
  }

  proof(proof: Proof): void {
    this.say(...proofLines(proof, this.paint))
  }

  claim(proof: Proof, number?: number): void {
    this.say(...claimLines(proof, this.paint, number))
  }

  table(headings: readonly string[], rows: readonly ProofRow[]): void {
    this.say(...tableLines(headings, rows, this.paint))
  }

  /** A sentence or two, in lines. */
  text(text: string): void {
    this.say(...wrap(text, width))
  }

  /** Where the same can be seen outside of the lab. */
  shownBy(evidence: readonly Evidence[]): void {
    for (const { command, shows } of evidence) this.say(this.paint.soft(`  ${command}  shows ${shows}`))
  }
}

const encoder = new TextEncoder()
let readerGone = false

/**
 * Writes to stdout at once: the process may be replaced next. When nobody reads any more (`natspace lab run | head`) the
 * experiment goes on all the same, as its exit status still tells. Throws what write(2) fails with otherwise.
 */
export const writeOut = (text: string): void => {
  for (let rest = encoder.encode(text); rest.length > 0 && !readerGone; ) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') readerGone = true
      // The pipe is full, and somebody made it non-blocking: a moment later it has room.
      else if (code === 'EAGAIN') pause(2)
      else throw error
    }
  }
}
