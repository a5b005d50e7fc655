/** A file of --save may come from anybody: whatever its texts are, the terminal is shown text. */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RecordedTrace, recordedTrace } from '../../../test/support/recorded-trace.ts'
import { headerLine, savedLine } from '../../insight/trace/saved.ts'
import { run } from '../run.ts'

const evil = '\x1b[2J\r\x9b2J\u202e\u200b\u2028\nEVIL'
const obeyed = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u
const folder = mkdtempSync(join(tmpdir(), 'natspace-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The same value with text added to one of the strings in it; `count` numbers them. */
const spoiled = (value: unknown, place: number, count = { strings: 0 }): unknown => {
  if (typeof value === 'string') return count.strings++ === place ? `${value}${evil}` : value
  if (Array.isArray(value)) return value.map(item => spoiled(item, place, count))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, spoiled(item, place, count)]))
}

const stringsIn = (value: unknown): number => {
  const count = { strings: 0 }
  spoiled(value, -1, count)
  return count.strings
}

const replay = async (content: string, ...options: string[]): Promise<string> => {
  const path = join(folder, 'saved')
  writeFileSync(path, content)
  let printed = ''
  const print = (text: string) => (printed += text)
  await run(['trace', '--replay', path, '--color=never', ...options], {}, { out: print, err: print })
  return printed
}

const head = headerLine('6.18.0', new Date(0))

test.each([['answered'], ['policy'], ['untranslated'], ['published-policy']] as const)(
  'with the texts of %s spoiled, one by one',
  async name => {
    const line = savedLine({ type: 'flow', flow: 1, observation: recordedTrace(name as RecordedTrace) })
    const saved: unknown = JSON.parse(line)
    let [told, refused] = [0, 0]
    for (let place = 0; place <= stringsIn(saved); place++) {
      const content = `${head}${JSON.stringify(spoiled(saved, place))}\n`
      for (const options of [['-v'], ['-j']]) {
        const printed = await replay(content, ...options)
        expect({ place, found: obeyed.exec(printed)?.[0] }).toEqual({ place, found: undefined })
        expect({ place, found: /^EVIL.*$/m.exec(printed)?.[0] }).toEqual({ place, found: undefined })
        if (printed.includes('BAD_TRACE_FILE')) refused++
        else told++
      }
    }
    // Names are free, and words of which there are only a few are not.
    expect(told).toBeGreaterThan(10)
    expect(refused).toBeGreaterThan(10)
  },
)
