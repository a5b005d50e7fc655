import { afterAll, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { greeting, pathInside } from './shell.ts'

const folder = mkdtempSync(join(tmpdir(), 'natspace-shell-'))
afterAll(() => rmSync(folder, { recursive: true }))

const admins = '/usr/local/sbin:/usr/sbin:/sbin'

test('in the lab the programs of the administrator are found', () => {
  expect(pathInside('/usr/bin', '/opt/bun')).toBe(`/usr/bin:${admins}`)
  expect(pathInside(`${admins}:/usr/bin`, '/opt/bun')).toBe(`${admins}:/usr/bin`)
  expect(pathInside(undefined, '/opt/bun')).toBe(`/usr/local/bin:/usr/bin:/bin:${admins}`)
})

test('and natspace, from wherever it was started, unless there is one', () => {
  expect(pathInside(folder, '/opt/some where/natspace')).toBe(`${folder}:${admins}:/opt/some where`)
  const other = join(folder, 'natspace')
  writeFileSync(other, '')
  chmodSync(other, 0o755)
  expect(pathInside(folder, '/opt/some where/natspace')).toBe(`${folder}:${admins}`)
})

test('what is said at the beginning fits into a terminal of 100 columns', () => {
  for (const place of ['host1', 'host2', 'myspace', 'lan'] as const)
    expect(
      Math.max(
        ...greeting(place)
          .split('\n')
          .map(line => line.length),
      ),
    ).toBeLessThan(100)
})
