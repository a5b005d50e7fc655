/**
 * A recorded session as one SVG file that moves by itself: no script, no font, nothing from elsewhere.
 *
 * Theory of operation. Everything that was ever on the screen is in the file, as it stands at the end; that is what a viewer
 * without animation shows, and what is shown where less motion is asked for. Animations of CSS take things away until
 * their time: what came at the same moment is one group, invisible before it; what was typed lies under a cover that
 * moves off it, a character at a time; and the paper with all the lines moves up by whole lines.
 */
import type { Run, Screen } from './record-terminal-screen.ts'

/** A line of input: the cursor waits from `prompted`, `typed` to `entered` the keys are pressed. Times in milliseconds. */
export type Input = {
  line: number
  column: number
  length: number
  prompted: number
  typed: number
  entered: number
}

export type Picture = {
  title: string
  description: string
  /** How the file is made, for who wants to change it. */
  source: string
  screen: Screen
  inputs: readonly Input[]
  rows: number
  /** How long the whole takes, with the time in which the end stands still. */
  duration: number
}

const cell = { width: 8.4, height: 19, size: 14 }
const margin = 14

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** At most two digits behind the point. */
const short = (value: number): string => String(Number(value.toFixed(2)))

const style = (duration: number): string => `
svg { --paper: #fbfcfe; --edge: #b9c5d3; --ink: #1c2733; --soft: #566575; --r: #b3261e; --g: #1a7334; --y: #7d5200; --c: #0b6478 }
@media (prefers-color-scheme: dark) {
  svg { --paper: #10151c; --edge: #39444f; --ink: #dbe4ee; --soft: #93a1b0; --r: #ff8a80; --g: #7ddc8c; --y: #e8c663; --c: #6fd3e3 }
}
text { font: ${cell.size}px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; fill: var(--ink); white-space: pre }
.paper { fill: var(--paper); stroke: var(--edge) }
.cover { fill: var(--paper) }
.cursor { fill: var(--ink); opacity: .7 }
.bar { fill: var(--edge); transform-box: fill-box; transform-origin: left }
.b { font-weight: 700 } .d { fill: var(--soft) } .r { fill: var(--r) } .g { fill: var(--g) } .y { fill: var(--y) } .c { fill: var(--c) }
.a { animation: ${short(duration / 1000)}s step-end infinite }
.bar.a { animation-timing-function: linear }
@media (prefers-reduced-motion: reduce) { .a { animation: none } }`

/** One stretch of text, on the grid whatever the font: its length is given, so that the next one begins where it did. */
const drawn = ({ text, style, column }: Run, line: number): string => {
  const x = short(column * cell.width)
  const y = short(line * cell.height + cell.size)
  const kind = style === '' ? '' : ` class="${[...style].join(' ')}"`
  const length = short([...text].length * cell.width)
  return `<text x="${x}" y="${y}" textLength="${length}" lengthAdjust="spacingAndGlyphs"${kind}>${escaped(text)}</text>`
}

/** Returns the text of the file. */
export const toSvg = ({ title, description, source, screen, inputs, rows, duration }: Picture): string => {
  const rules: string[] = []
  const percent = (at: number): string => `${Number(((at / duration) * 100).toFixed(3))}%`
  const animate = (name: string, frames: readonly [at: number, declaration: string][]): string => {
    rules.push(
      `@keyframes ${name}{${frames.map(([at, declaration]) => `${percent(at)}{${declaration}}`).join('')}}`,
    )
    return `class="a" style="animation-name:${name}"`
  }
  const appears = (at: number, name: string): string =>
    at === 0
      ? ''
      : ` ${animate(name, [
          [0, 'opacity:0'],
          [at, 'opacity:1'],
        ])}`

  const typedLines = new Map(inputs.map(input => [input.line, input]))
  const groups = new Map<number, string[]>()
  for (const index of screen.lines.keys())
    for (const run of screen.runs(index)) {
      // What a person types stands out, and the prompt before it stands back.
      const prompt = typedLines.get(index)?.column ?? 0
      const isTyped = typedLines.has(index) && run.column >= prompt
      const line = drawn(typedLines.has(index) ? { ...run, style: isTyped ? 'b' : 'd' } : run, index)
      groups.set(run.at, [...(groups.get(run.at) ?? []), line])
    }

  const typing = inputs.map((input, index) => {
    const box = `y="${short(input.line * cell.height)}" height="${cell.height}" x="${short(input.column * cell.width)}"`
    if (input.length === 0)
      return `<g${appears(input.prompted, `c${index}`)}><rect class="cursor" ${box} width="${cell.width}"/></g>`
    const end = `transform:translateX(${short(input.length * cell.width)}px)`
    const wait = `transform:none;animation-timing-function:steps(${input.length})`
    rules.push(`@keyframes k${index}{0%,${percent(input.typed)}{${wait}}${percent(input.entered)}{${end}}}`)
    const moving = `style="${end};animation-name:k${index}"`
    const shown = animate(`c${index}`, [
      ...(input.prompted === 0 ? [] : ([[0, 'opacity:0']] as [number, string][])),
      [input.prompted, 'opacity:1'],
      [input.entered, 'opacity:0'],
    ])
    const cover = `<rect class="cover a" ${moving} ${box} width="${short(input.length * cell.width)}"/>`
    return `${cover}\n<g ${shown} opacity="0"><rect class="cursor a" ${moving} ${box} width="${cell.width}"/></g>`
  })

  const above = (line: number): number => Math.max(0, line - rows + 1)
  const moves = screen.began.flatMap((at, line): [number, string][] =>
    above(line) === 0 ? [] : [[at, `transform:translateY(${-above(line) * cell.height}px)`]],
  )
  // Of lines that came at the same moment the last one counts.
  const lastMoves = moves.filter(([at], index) => moves[index + 1]?.[0] !== at)
  const scroll = animate('up', [[0, 'transform:none'], ...lastMoves])
  const top = `transform:translateY(${-above(screen.lines.length - 1) * cell.height}px);`

  const frames = [...groups]
    .toSorted(([a], [b]) => a - b)
    .map(([at, texts], index) => `<g${appears(at, `f${index}`)}>\n${texts.join('\n')}\n</g>`)
  const inner = { width: short(screen.columns * cell.width), height: rows * cell.height }
  const width = short(screen.columns * cell.width + 2 * margin)
  const height = short(inner.height + 2 * margin)
  const progress = animate('bar', [
    [0, 'transform:scaleX(0)'],
    [duration, 'transform:none'],
  ]).replace('"a"', '"bar a"')

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
<!-- ${source} -->
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(description)}</desc>
<style>${style(duration)}
${rules.join('\n')}
</style>
<rect class="paper" x=".5" y=".5" width="${Number(width) - 1}" height="${Number(height) - 1}" rx="8"/>
<svg aria-hidden="true" x="${margin}" y="${margin}" width="${inner.width}" height="${inner.height}">
<g ${scroll.replace('style="', `style="${top}`)}>
${frames.join('\n')}
${typing.join('\n')}
</g>
</svg>
<rect ${progress} x="${margin}" y="${Number(height) - 8}" width="${inner.width}" height="2"/>
</svg>
`
}
