import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { manualPages, roff } from './manual.ts'
import { loadCommands } from './registry.ts'

const pages = await manualPages('1.2.3', '2026-01-02')

test('there is a page for each command, and one for all', async () => {
  const names = (await loadCommands()).map(({ name }) => `natspace-${name}.1`)
  expect(pages.map(({ file }) => file).sort()).toEqual(['natspace.1', ...names].sort())
})

test('what roff would take for a request or an escape stands there as it is', () => {
  expect(roff('a’b')).toBe('a\\[u2019]b')
  expect(roff(".x\n'y\n\\z -a ^ ~ `")).toBe("\\&.x\n\\&'y\n\\ez \\-a \\(ha \\(ti \\(ga")
})

test('groff formats every page without a word, and the options are there to be pasted', () => {
  for (const { file, text } of pages) {
    const result = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-cbou'], { input: text, encoding: 'utf8' })
    expect({ file, stderr: result.stderr, status: result.status }).toEqual({ file, stderr: '', status: 0 })
    expect(result.stdout.length).toBeGreaterThan(300)
    if (file === 'natspace-up.1') expect(result.stdout).toContain('--fix-firewall')
  }
})
