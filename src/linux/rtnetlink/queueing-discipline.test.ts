import { describe, expect, test } from 'bun:test'
import { fromHex, goldenFiles } from '../../../test/support/golden.ts'
import { DecodeError } from '../netlink/codec.ts'
import { NetlinkError } from '../netlink/errors.ts'
import { attributePath } from '../netlink/message.ts'
import { Writer } from '../netlink/writer.ts'
import {
  type QueueingDisciplineMessage,
  queueingDisciplineMessage,
  readQueueingDisciplines,
  replaceTokenBucket,
  toQueueingDiscipline,
} from './queueing-discipline.ts'

const shown = (): QueueingDisciplineMessage[] => {
  const golden = goldenFiles('rtnetlink').find(({ name }) => name === 'qdisc-show')
  return (golden?.messages ?? [])
    .filter(({ from, type }) => from === 'kernel' && type === 'RTM_NEWQDISC')
    .map(({ hex }) => fromHex(hex))
    .map(bytes => queueingDisciplineMessage.decode(bytes, 16, bytes.length))
}

describe('queueing disciplines', () => {
  test('of all kinds are read', () => {
    const all = shown().map(toQueueingDiscipline)
    expect(all.map(({ index, kind, handle, root }) => ({ index, kind, handle, root }))).toEqual([
      { index: 1, kind: 'htb', handle: 1, root: true },
      { index: 12, kind: 'noqueue', handle: 0, root: true },
      { index: 11, kind: 'tbf', handle: 0x6e73, root: true },
      { index: 13, kind: 'tbf', handle: 0x6e73, root: true },
      { index: 14, kind: 'tbf', handle: 0x7001, root: true },
    ])
    expect(all.map(({ tokenBucket }) => tokenBucket)).toEqual([
      undefined,
      undefined,
      { rate: 40e9, burst: 20_971_200, limit: 300 * 1024 ** 2 },
      { rate: 8000, burst: 1518, limit: 1568 },
      { rate: 1e6, burst: 5120, limit: 13_870, peakRate: 2e6 },
    ])
  })

  test('below a class, and without options or counters', () => {
    const [found] = shown()
    if (found === undefined) throw new Error('no message')
    const header = { ...found.header, parent: 0x1000a }
    expect(toQueueingDiscipline({ header, attributes: { kind: 'tbf' } })).toEqual({
      index: 1,
      kind: 'tbf',
      handle: 1,
      root: false,
      tokenBucket: undefined,
      counters: undefined,
    })
  })

  test('a garbled token bucket is a DecodeError that names the attribute', () => {
    const [found] = shown()
    const attributes = { kind: 'tbf', options: Uint8Array.of(8, 0, 1, 0, 1, 2, 3, 4) }
    if (found === undefined) throw new Error('no message')
    const read = () => toQueueingDiscipline({ header: found.header, attributes })
    expect(read).toThrow(DecodeError)
    expect(read).toThrow('TCA_OPTIONS.TCA_TBF_PARMS: expected 36 bytes, found 4')
  })

  test('a kernel without traffic control has none; other refusals are told', () => {
    const refusing = (errno: number) => ({
      dump: () => {
        throw new NetlinkError({ operation: 'RTM_GETQDISC', request: 0, errno })
      },
    })
    expect(readQueueingDisciplines(refusing(95))).toEqual([])
    expect(() => readQueueingDisciplines(refusing(1))).toThrow('EPERM')
  })

  test('what the kernel objects to is traced into the options', () => {
    const { schema, value } = replaceTokenBucket({ index: 7, handle: 1, rate: 1e6, burst: 5000, limit: 9000 })
    const writer = new Writer()
    schema.encode(writer, value)
    const burst = writer.bytes.length - 8
    expect(attributePath(schema, writer.bytes, 0, writer.length, burst)).toEqual(['options', 'burst'])
  })
})
