/** Lines over counts, both axes logarithmic, as an SVG that needs nothing else. */

export type Line = { readonly label: string; readonly points: readonly (readonly [x: number, y: number])[] }
export type Plot = {
  readonly title: string
  readonly horizontal: string
  readonly vertical: string
  readonly lines: readonly Line[]
}

const size = { width: 720, height: 420, left: 70, right: 190, top: 50, bottom: 50 } as const
const colours = ['#0b6e8f', '#c2410c', '#4d7c0f', '#7c3aed', '#be185d', '#475569'] as const

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

/** The picture. Values must be above 0. Pure. */
export const plotSvg = ({ title, horizontal, vertical, lines }: Plot): string => {
  const points = lines.flatMap(line => line.points)
  const [xLow, xHigh] = decades(points.map(([x]) => x))
  const [yLow, yHigh] = decades(points.map(([, y]) => y))
  const right = size.width - size.right
  const bottom = size.height - size.bottom
  const x = (value: number) => size.left + ((Math.log10(value) - xLow) / (xHigh - xLow)) * (right - size.left)
  const y = (value: number) => bottom - ((Math.log10(value) - yLow) / (yHigh - yLow)) * (bottom - size.top)
  const rounded = (value: number) => value.toFixed(1)
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
  const drawn = lines.map(({ label, points: own }, index) => {
    const colour = colours[index % colours.length]
    const path = own
      .map(([px, py], at) => `${at === 0 ? 'M' : 'L'}${rounded(x(px))} ${rounded(y(py))}`)
      .join('')
    const last = own.at(-1)
    const dots = own
      .map(([px, py]) => `<circle cx="${rounded(x(px))}" cy="${rounded(y(py))}" r="3"/>`)
      .join('')
    const legend = size.top + 14 + 20 * index
    const name = `<text x="${right + 30}" y="${legend + 4}">${escaped(label)}</text><path d="M${right + 8} ${legend}h16"/>`
    return last === undefined
      ? ''
      : `<g stroke="${colour}" fill="${colour}"><path d="${path}" fill="none" stroke-width="2"/>${dots}<g stroke-width="2">${name.replace('<text', '<text stroke="none"')}</g></g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="12" role="img" aria-label="${escaped(title)}">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${size.left}" y="26" font-size="15" font-weight="bold">${escaped(title)}</text>
<g stroke="#d4d4d8" fill="#3f3f46">${grid.join('').replaceAll('<text', '<text stroke="none"')}</g>
<text x="${(size.left + right) / 2}" y="${size.height - 10}" text-anchor="middle">${escaped(horizontal)}</text>
<text x="16" y="${(size.top + bottom) / 2}" text-anchor="middle" transform="rotate(-90 16 ${(size.top + bottom) / 2})">${escaped(vertical)}</text>
${drawn.join('\n')}
</svg>
`
}
