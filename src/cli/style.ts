/** Colours of a terminal (ECMA-48, SGR), or none. */

type Paint = (text: string) => string
export type Style = Readonly<Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', Paint>>

const paint =
  (code: number, end: number): Paint =>
  text =>
    `\x1b[${code}m${text}\x1b[${end}m`

const asIs: Paint = text => text

const colored: Style = {
  bold: paint(1, 22),
  dim: paint(2, 22),
  red: paint(31, 39),
  green: paint(32, 39),
  yellow: paint(33, 39),
  cyan: paint(36, 39),
}

const plain: Style = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs, cyan: asIs }

export const styleOf = (colors: boolean): Style => (colors ? colored : plain)
