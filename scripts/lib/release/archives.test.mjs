import { afterAll, beforeAll, expect, test } from 'bun:test'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../run.mjs'
import { makeArchive, makeDeb } from './archives.mjs'

const place = mkdtempSync(join(tmpdir(), 'natspace-archives-'))
afterAll(() => rmSync(place, { recursive: true, force: true }))

const time = 1_700_000_000
const outs = ['one', 'two'].map(name => join(place, name, 'out'))
const hasDeb = ask('dpkg-deb', ['--version']).ok
if (!hasDeb)
  process.stderr.write('archives: dpkg-deb is missing, so no Debian package is made and looked at\n')

/** Both, in folders of another name, with other modes and other times. */
beforeAll(() => {
  for (const [index, out] of outs.entries()) {
    const at = (...names) => join(out, '..', ...names)
    const before = process.umask(index === 0 ? 0o022 : 0o077)
    for (const folder of [out, at('shared/share/man/man1'), at('shared/lib/systemd/system')])
      mkdirSync(folder, { recursive: true })
    writeFileSync(at('natspace'), '#!/bin/sh\n')
    chmodSync(at('natspace'), index === 0 ? 0o755 : 0o700)
    writeFileSync(at('shared/share/man/man1/natspace.1'), '.TH NATSPACE 1\n')
    writeFileSync(at('shared/lib/systemd/system/natspace@.service'), '[Unit]\n')
    const common = {
      name: 'x64',
      time,
      executable: at('natspace'),
      shared: at('shared'),
      notices: 'thanks\n',
      out,
    }
    makeArchive({ ...common, folder: at('archive') })
    if (hasDeb) makeDeb({ ...common, folder: at('deb') })
    process.umask(before)
  }
})

test('the same is made twice, whatever the folder and the file mode mask', () => {
  const [one, two] = outs.map(out => readdirSync(out).sort())
  expect(one).toEqual(two)
  expect(one).toHaveLength(hasDeb ? 2 : 1)
  for (const name of one) {
    const [first, second] = outs.map(out => readFileSync(join(out, name)))
    expect(first.equals(second)).toBe(true)
  }
})

test('the archive has the executable, the manual, the units and the licenses, of nobody', () => {
  const [name] = readdirSync(outs[0]).filter(file => file.endsWith('.tar.gz'))
  const { ok, output } = ask('tar', ['--numeric-owner', '-tvzf', join(outs[0], name)])
  expect(ok).toBe(true)
  for (const file of [
    'bin/natspace',
    'share/man/man1/natspace.1',
    'lib/systemd/system/natspace@.service',
    'share/doc/natspace/third-party-licenses.txt',
  ])
    expect(output).toContain(`/${file}`)
  for (const line of output.split('\n')) expect(line).toMatch(/^[d-]rw[x-]r-[x-]r-[x-] 0\/0 /)
})

test.skipIf(!hasDeb)('the package of Debian says what it is, and its changelog has the form of one', () => {
  const [name] = readdirSync(outs[0]).filter(file => file.endsWith('.deb'))
  const file = join(outs[0], name)
  const field = word => ask('dpkg-deb', ['--field', file, word]).output
  expect([field('Package'), field('Architecture'), field('Depends')]).toEqual([
    'natspace',
    'amd64',
    'libc6 (>= 2.17)',
  ])
  const folder = join(place, 'unpacked')
  expect(ask('dpkg-deb', ['--extract', file, folder]).ok).toBe(true)
  const { output } = ask('gzip', ['-dc', join(folder, 'usr/share/doc/natspace/changelog.gz')])
  expect(output).toMatch(
    /^natspace \([0-9.]+\) unstable; urgency=medium\n\n {2}\* .+\n\n -- .+ <.+> {2}Tue, 14 Nov 2023 22:13:20 \+0000$/,
  )
  expect(readFileSync(join(folder, 'usr/share/doc/natspace/copyright'), 'utf8')).toContain('MIT')
})
