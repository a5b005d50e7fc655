import { writeSync } from 'node:fs'
import { network } from './places.ts'
import type { Proof } from './proof.ts'

/** The words and colours of the lab. Pure, but for `Screen`, which writes. */

/** SGR codes (ECMA-48); without colour the texts are as they are. */
export type Paint = {
  good(text: string): string
  bad(text: string): string
  soft(text: string): string
  strong(text: string): string
}

export const paint = (colours: boolean): Paint => {
  const sgr = (code: number) => (text: string) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text)
  return { good: sgr(32), bad: sgr(31), soft: sgr(2), strong: sgr(1) }
}

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
export const proofLines = ({ name, ok, expected, seen }: Proof, { good, bad, soft }: Paint): string[] => {
  const title = `${ok ? good('✓') : bad('✗')} ${name}`
  const labelled = (label: string, text: string) =>
    text.split('\n').map((line, index) => `    ${soft((index === 0 ? label : '').padEnd(9))} ${line}`)
  if (!ok || expected !== seen) return [title, ...labelled('expected', expected), ...labelled('seen', seen)]
  return seen.includes('\n') ? [title, ...labelled('seen', seen)] : [`${title}: ${seen}`]
}

/** Where the lab's lines go: data to stdout; nothing at all when the result is JSON. */
export class Screen {
  readonly #silent: boolean
  readonly paint: Paint

  constructor({ silent, colours }: { silent: boolean; colours: boolean }) {
    this.#silent = silent
    this.paint = paint(colours)
  }

  say(...lines: string[]): void {
    if (!this.#silent) writeOut(`${lines.join('\n')}\n`)
  }

  heading(text: string): void {
    this.say('', this.paint.strong(text))
  }

  proof(proof: Proof): void {
    this.say(...proofLines(proof, this.paint))
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
      else if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2)
      else throw error
    }
  }
}
