import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSpaceFacts, spaceFacts } from './space-facts.ts'

const record = (space: unknown) => JSON.stringify({ schemaVersion: 1, space })

test('a record of the first natspace, and one of today', () => {
  expect(spaceFacts(record({ gateway: '10.200.0.1', address: '10.200.0.2', internal: false }))).toEqual({
    dns: [],
    gateway: '10.200.0.1',
    gateway6: undefined,
    hasIpv6: false,
    internal: false,
    mayAskHost: true,
  })
  const ipv6 = { gateway: 'fd00::1', address: 'fd00::2', prefixLength: 64, network: 'fd00::/64' }
  const more = { dns: ['192.0.2.1'], ipv6, internal: true, host: 'none', metadata: false }
  expect(spaceFacts(record(more))).toEqual({
    dns: ['192.0.2.1'],
    gateway: undefined,
    gateway6: 'fd00::1',
    hasIpv6: true,
    internal: true,
    mayAskHost: false,
  })
})

test('what is not as expected counts as not said', () => {
  expect(spaceFacts(record({ dns: [1, null, '192.0.2.1'], gateway: 7, ipv6: null }))).toMatchObject({
    dns: ['192.0.2.1'],
    gateway: undefined,
    hasIpv6: false,
  })
  for (const text of ['null', '[]', '7', '{}', '{"space":null}']) expect(spaceFacts(text)).toBeUndefined()
})

test('no record is nothing to speak of; one that cannot be read is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'natspace-'))
  const warnings: string[] = []
  try {
    const file = join(folder, 'web.json')
    expect(readSpaceFacts(file, text => warnings.push(text))).toBeUndefined()
    expect(warnings).toEqual([])
    writeFileSync(file, '{')
    expect(readSpaceFacts(file, text => warnings.push(text))).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining(`${file}, which cannot be read`)])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
