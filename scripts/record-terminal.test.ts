import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/run.mjs'
import { Screen } from './record-terminal-screen.ts'
import { toSvg } from './record-terminal-svg.ts'

const screenOf = (...parts: readonly string[]): Screen => {
  const screen = new Screen(10)
  for (const [at, text] of parts.entries()) screen.write(text, at)
  return screen
}

describe('the screen', () => {
  test('puts characters where a terminal puts them', () => {
    const screen = screenOf('one\r\ntwo\rT\b\bX', '\n  three')
    expect(screen.lines.map(line => line.map(({ character }) => character).join(''))).toEqual([
      'one',
      'Xwo',
      '   three',
    ])
    expect(screen.began).toEqual([0, 0, 1])
    expect(screen.cursor).toEqual({ line: 2, column: 8 })
  })

  test('goes on in the next line where a line is full', () => {
    expect(screenOf('0123456789').lines).toHaveLength(1)
    expect(screenOf('0123456789a').runs(1)).toEqual([{ text: 'a', style: '', at: 0, column: 0 }])
  })

  test('knows weight and colour, until they are switched off', () => {
    const screen = screenOf('\x1b[1;31mab\x1b[39mc\x1b[0m', ' \x1b[2md')
    expect(screen.runs(0)).toEqual([
      { text: 'ab', style: 'br', at: 0, column: 0 },
      { text: 'c', style: 'b', at: 0, column: 2 },
      { text: 'd', style: 'd', at: 1, column: 4 },
    ])
  })

  test('refuses what it cannot draw', () => {
    expect(() => screenOf('\x1b[4munderlined')).toThrow('SGR 4')
    expect(() => screenOf('\x1b[2J')).toThrow('control character')
    expect(() => screenOf('\t')).toThrow('control character')
  })
})

describe('the picture', () => {
  const screen = screenOf('$ ', 'a<b\r\n', '&\r\n', 'c\r\n', '$ ')
  const input = { line: 0, column: 2, length: 3, prompted: 0, typed: 1, entered: 2 }
  const svg = toSvg({
    title: 'A title',
    description: 'What is seen',
    source: 'made by a test',
    screen,
    inputs: [input],
    rows: 3,
    duration: 10,
  })

  test('shows each thing from its moment on', () => {
    expect(svg).toContain('>a&lt;b</text>')
    expect(svg).toContain('>&amp;</text>')
    expect(svg).toContain('@keyframes f2{0%{opacity:0}20%{opacity:1}}')
    expect(svg).toContain('animation-timing-function:steps(3)}20%{transform:translateX(25.2px)}')
  })

  test('moves up by lines, and stands at the end where nothing moves', () => {
    expect(svg).toContain('@keyframes up{0%{transform:none}30%{transform:translateY(-19px)}}')
    expect(svg).toContain('style="transform:translateY(-19px);animation-name:up"')
  })
})

describe('docs/images/tour.svg', () => {
  const svg = readFileSync(join(root, 'docs/images/tour.svg'), 'utf8')

  test('stands alone, is small, and says what it is', () => {
    expect(svg.length).toBeLessThan(150_000)
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|url\(|href|<script|@import/)
    expect(svg).toMatch(/<title id="title">[^<]+<\/title>\n<desc id="desc">[^<]+<\/desc>/)
  })

  test('has both themes, and stands still where less motion is asked for', () => {
    expect(svg).toContain('@media (prefers-color-scheme: dark)')
    expect(svg).toContain('@media (prefers-reduced-motion: reduce) { .a { animation: none } }')
  })

  test('is the session of docs/tour.md', () => {
    const document = readFileSync(join(root, 'docs/tour.md'), 'utf8')
    const session = /<!-- begin session[\s\S]*?<!-- end session -->/.exec(document)?.[0] ?? ''
    const typed = [...session.matchAll(/^(?:\[.+\] )?\$ (.+)$/gm)].map(([, command = '']) => command)
    expect(typed.length).toBeGreaterThan(8)
    for (const command of typed) expect(svg).toContain(`class="b">${command}</text>`)
  })
})
