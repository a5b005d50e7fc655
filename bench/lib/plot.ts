/**
 * Lines over counts, both axes logarithmic, as an SVG that needs nothing else. It has a ground of its own, light or dark as
 * the reader's system is, so that it can be read on any page; each line has its name at its end and marks of its own shape,
 * so that nobody needs to tell the colours apart; and what it shows is told in words too.
 */

export type Line = { readonly label: string; readonly points: readonly (readonly [x: number, y: number])[] }
export type Plot = {
  readonly title: string
  readonly horizontal: string
  readonly vertical: string
  /** The first is drawn with the most weight. */
  readonly lines: readonly Line[]
}

const size = { width: 760, height: 440, left: 70, right: 190, top: 50, bottom: 50 } as const
const right = size.width - size.right
const bottom = size.height - size.bottom

/** Of each line, on a light ground and on a dark one; all have a contrast of 4.5 at least. */
const colours = [
  ['#0b6e8f', '#5cc8ee'],
  ['#b45309', '#fdba74'],
  ['#4d7c0f', '#a3e635'],
  ['#6d28d9', '#c4b5fd'],
  ['#be185d', '#f9a8d4'],
  ['#475569', '#cbd5e1'],
] as const

const styleOf = (at: 0 | 1): string =>
  [
    `.ground{fill:${['#ffffff', '#0f172a'][at]}}`,
    `text{fill:${['#334155', '#e2e8f0'][at]}}`,
    `.grid{stroke:${['#d4d4d8', '#334155'][at]}}`,
    ...colours.map(
      (pair, line) => `.l${line}{stroke:${pair[at]}}.l${line} .m,.l${line} text{fill:${pair[at]}}`,
    ),
  ].join('')

const style = `text{stroke:none}.p{fill:none;stroke-width:1.75}${styleOf(0)}.l0 .p{stroke-width:3}.thin{stroke-width:1;opacity:.6}@media (prefers-color-scheme:dark){${styleOf(1)}}`

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** Powers of ten around the values. */
const decades = (values: readonly number[]): [low: number, high: number] => {
  const logs = values.map(Math.log10)
  const low = Math.floor(Math.min(...logs))
  return [low, Math.max(low + 1, Math.ceil(Math.max(...logs) - 1e-9))]
}

const range = (low: number, high: number): number[] =>
  Array.from({ length: high - low + 1 }, (_, at) => low + at)

const powerText = (exponent: number): string =>
  (10 ** exponent).toLocaleString('en-US', { maximumFractionDigits: 3 })

const rounded = (value: number): string => value.toFixed(1)

/** A mark at a point, of the shape of its line. */
function mark(x: number, y: number, line: number): string {
  const at = (dx: number, dy: number) => `${rounded(x + dx)} ${rounded(y + dy)}`
  switch (line % 4) {
    case 0:
      return `<circle class="m" cx="${rounded(x)}" cy="${rounded(y)}" r="3.5"/>`
    case 1:
      return `<path class="m" d="M${at(-3.5, -3.5)}L${at(3.5, -3.5)}L${at(3.5, 3.5)}L${at(-3.5, 3.5)}Z"/>`
    case 2:
      return `<path class="m" d="M${at(0, -4.5)}L${at(4.5, 3.5)}L${at(-4.5, 3.5)}Z"/>`
    default:
      return `<path class="m" d="M${at(0, -4.5)}L${at(4.5, 0)}L${at(0, 4.5)}L${at(-4.5, 0)}Z"/>`
  }
}

const labelHeight = 16

/** The heights of labels that want these, so that none lies on another, nor beyond the axes. */
export function labelHeights(wanted: readonly number[]): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0))
  const found = [...wanted]
  let least = size.top
  for (const index of order) {
    found[index] = Math.max(found[index] ?? 0, least)
    least = (found[index] ?? 0) + labelHeight
  }
  let most = bottom
  for (const index of order.toReversed()) {
    found[index] = Math.min(found[index] ?? 0, most)
    most = (found[index] ?? 0) - labelHeight
  }
  return found
}

const plain = (value: number): string => (value < 100 ? value.toPrecision(2) : value.toFixed(0))

/** The same in words: for those who hear it, and for a search. */
const inWords = ({ horizontal, vertical, lines }: Plot): string =>
  lines
    .map(
      ({ label, points }) =>
        `${label}: ${points.map(([x, y]) => `${plain(y)} ${vertical} at ${x.toLocaleString('en-US')} ${horizontal}`).join(', ')}.`,
    )
    .join(' ')

/** The picture. Values must be above 0. Pure. */
export const plotSvg = (plot: Plot): string => {
  const { title, horizontal, vertical, lines } = plot
  const points = lines.flatMap(line => line.points)
  const [xLow, xHigh] = decades(points.map(([x]) => x))
  const [yLow, yHigh] = decades(points.map(([, y]) => y))
  const x = (value: number) => size.left + ((Math.log10(value) - xLow) / (xHigh - xLow)) * (right - size.left)
  const y = (value: number) => bottom - ((Math.log10(value) - yLow) / (yHigh - yLow)) * (bottom - size.top)
  const grid = [
    ...range(xLow, xHigh).map(exponent => {
      const at = rounded(x(10 ** exponent))
      return `<path d="M${at} ${size.top}V${bottom}"/><text x="${at}" y="${bottom + 18}" text-anchor="middle">${powerText(exponent)}</text>`
    }),
    ...range(yLow, yHigh).map(exponent => {
      const at = rounded(y(10 ** exponent))
      return `<path d="M${size.left} ${at}H${right}"/><text x="${size.left - 8}" y="${at}" dy="4" text-anchor="end">${powerText(exponent)}</text>`
    }),
  ]
  const heights = labelHeights(lines.map(line => y(line.points.at(-1)?.[1] ?? 1)))
  const drawn = lines.map(({ label, points: own }, index) => {
    const path = own
      .map(([px, py], at) => `${at === 0 ? 'M' : 'L'}${rounded(x(px))} ${rounded(y(py))}`)
      .join('')
    const marks = own.map(([px, py]) => mark(x(px), y(py), index)).join('')
    const [lastX, lastY] = own.at(-1) ?? [1, 1]
    const height = rounded(heights[index] ?? 0)
    const lead = `<path class="thin" fill="none" d="M${rounded(x(lastX) + 5)} ${rounded(y(lastY))}L${right + 12} ${height}"/>`
    const name = `<text x="${right + 16}" y="${height}" dy="4">${escaped(label)}</text>`
    return `<g class="l${index % colours.length}"><path class="p" d="${path}"/>${marks}${lead}${name}</g>`
  })
  const middle = (size.top + bottom) / 2
  // The first line is drawn last, on top of the others.
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12" role="img" aria-labelledby="title description">
<title id="title">${escaped(title)}</title>
<desc id="description">Both axes are logarithmic. ${escaped(inWords(plot))}</desc>
<style>${style}</style>
<rect class="ground" width="100%" height="100%" rx="6"/>
<text x="${size.left}" y="28" font-size="15" font-weight="bold">${escaped(title)}</text>
<g class="grid">${grid.join('')}</g>
<text x="${(size.left + right) / 2}" y="${size.height - 10}" text-anchor="middle">${escaped(horizontal)}</text>
<text x="16" y="${middle}" text-anchor="middle" transform="rotate(-90 16 ${middle})">${escaped(vertical)}</text>
${drawn.toReversed().join('\n')}
</svg>
`
}
