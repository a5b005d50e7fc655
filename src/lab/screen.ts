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

/** The topology as a small picture of 84 columns. */
export const picture = (): string[] => {
  const { space, host1, host2, router } = network
  const columns = (left: string, middle: string, right: string) =>
    `  ${left.padEnd(33)}${middle.padEnd(33)}${right}`
  const cable = (text: string, width: number) => `${text} ${'─'.repeat(width - text.length - 2)} `
  return [
    columns('myspace (namespace)', 'host1', 'host2'),
    `  ${cable(`${space.interface} ${space.address}/24`, 33)}${space.hostInterface} ${space.gateway}/24`,
    columns(`default via ${space.gateway}`, '', '').replace(/ +$/, '').padEnd(35) +
      `${cable(`eth0 ${host1}/24`, 24)}LAN ──── eth0 ${host2}/24`,
    columns('', `default via ${router}`, `default via ${router}`),
    columns('', 'FORWARD policy drop', ''),
  ].map(line => line.trimEnd())
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
    if (!this.#silent) process.stdout.write(`${lines.join('\n')}\n`)
  }

  heading(text: string): void {
    this.say('', this.paint.strong(text))
  }

  proof(proof: Proof): void {
    this.say(...proofLines(proof, this.paint))
  }
}
