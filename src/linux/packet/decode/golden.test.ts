/** Packets of a real exchange, and what tcpdump(8) says of each; `ours` is there where we say it in other words. */
import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '../../../../test/support/golden.ts'
import { decodePacket } from './packet.ts'
import { summaryText } from './summary.ts'

type Recorded = { hex: string; tcpdump: string; ours?: string }
const path = join(import.meta.dirname, '../../../../test/golden/packet/traffic.json')
const { command, tool, packets } = JSON.parse(readFileSync(path, 'utf8')) as {
  command: string
  tool: string
  packets: Recorded[]
}

describe(`${command} (${tool})`, () => {
  test.each(packets.map(packet => [packet.tcpdump, packet] as const))('%s', (_, { hex, tcpdump, ours }) => {
    expect(summaryText(decodePacket(fromHex(hex)))).toBe(ours ?? tcpdump)
  })

  test('every kind of checksum in it is in order', () => {
    const states = packets.flatMap(({ hex }) =>
      decodePacket(fromHex(hex)).layers.flatMap(layer => ('checksum' in layer ? [layer.checksum] : [])),
    )
    expect([...new Set(states)].sort()).toEqual(['offloaded', 'right', 'unchecked'])
  })
})
