/** The bytes of conntrack(8) and of the kernel, both ways: what they mean to us, and what we write for the same meaning. */
import { describe, expect, test } from 'bun:test'
import { conntrackDifferences, conntrackMeaning } from '../../../test/support/conntrack-golden.ts'
import { fromHex, type Golden, goldenFiles, toJson } from '../../../test/support/golden.ts'
import { expectBytes } from '../../../test/support/hex-diff.ts'
import type { Reply } from '../netlink/connection.ts'
import { messageHeaderSize, NLM_F } from '../netlink/message.ts'
import { Writer } from '../netlink/writer.ts'
import { deleteFlow } from './delete.ts'
import { decodeFlowEvent } from './event.ts'
import { decodeFlow } from './flow.ts'
import { listRequest } from './list.ts'
import { type ConntrackMessage, conntrackMessage, messageTypes } from './message.ts'
import { flowText } from './text.ts'

const files = goldenFiles('conntrack') as (Golden & { output: string[] })[]

const fileOf = (name: string) => {
  const file = files.find(one => one.name === name)
  if (file === undefined) throw new Error(`No golden file ${name}`)
  return file
}

const payloadOf = (hex: string): Uint8Array => fromHex(hex).slice(messageHeaderSize)

/** The flows that a command's dump listed. */
const flowsOf = ({ messages }: Golden) =>
  messages
    .filter(({ from, type }) => from === 'kernel' && type === 'IPCTNL_MSG_CT_NEW')
    .map(({ hex }) => decodeFlow(payloadOf(hex)))

for (const { name, command, tool, kernel, messages } of files) {
  describe(`${name}: ${command} (${tool}, ${kernel})`, () => {
    let request: Uint8Array = new Uint8Array()
    for (const [index, message] of messages.entries()) {
      const bytes = fromHex(message.hex)
      if (message.from === 'program') request = bytes
      const answered = request
      const title = `${index} ${message.from} ${message.type}`
      test(`${title} decodes`, () => {
        const { type, value, read } = conntrackMeaning(bytes, message.from, answered)
        expect({ type, value, read }).toEqual({
          type: message.type,
          value: message.value,
          read: message.read,
        })
      })
      if (message.type.startsWith('NLMSG_')) continue
      test(`${title} encodes to the same attributes`, () => {
        expect(conntrackDifferences(bytes)).toEqual([])
      })
      // The program leaves in the padding of its attributes what was in memory before.
      if (message.from === 'kernel')
        test(`${title} encodes to the same bytes`, () => {
          const payload = bytes.slice(messageHeaderSize)
          const writer = new Writer()
          conntrackMessage.encode(writer, conntrackMessage.decode(payload, 0, payload.length))
          expectBytes(writer.bytes.slice(), payload, command)
        })
    }
  })
}

test('a flow is printed as conntrack(8) prints it, but for how long it has lasted', () => {
  for (const name of ['list', 'list-ipv6', 'get']) {
    const file = fileOf(name)
    const theirs = file.output.map(line => line.replace(/ delta-time=\d+/, ''))
    expect(theirs.length).toBeGreaterThan(0)
    expect(flowsOf(file).map(flowText)).toEqual(theirs)
  }
})

test('the golden flows are of every kind', () => {
  const texts = flowsOf(fileOf('list')).map(flowText)
  const kinds = [
    /^tcp .* ESTABLISHED src=fd00::1/,
    /^sctp .* ESTABLISHED/,
    /^unknown {2}99 /,
    /^icmp .* type=8 /,
  ]
  const facts = [
    /^icmpv6 .* type=129 /,
    /\[ASSURED\]/,
    /\[UNREPLIED\]/,
    / mark=7 /,
    / zone=5 /,
    / zone-orig=6 /,
  ]
  for (const pattern of [...kinds, ...facts]) expect(texts.filter(text => pattern.test(text))).not.toEqual([])
})

describe('our requests', () => {
  const requestOf = (name: string, type: string) => {
    const found = fileOf(name).messages.find(message => message.from === 'program' && message.type === type)
    return found?.value as { header: object; attributes: Record<string, unknown> }
  }

  test('a list is asked for as conntrack(8) does', () => {
    expect(toJson(listRequest({ family: 0, attributes: {} }).value)).toEqual(
      requestOf('list', 'IPCTNL_MSG_CT_GET'),
    )
    const ipv6 = listRequest({ family: 6, attributes: {} })
    expect(toJson(ipv6.value)).toMatchObject({ header: { family: 10 } })
  })

  for (const name of ['delete-port', 'delete-zone', 'delete-icmp', 'delete-ipv6'])
    test(`${name}: the same flow is named, and its id too`, () => {
      const { header, attributes } = requestOf(name, 'IPCTNL_MSG_CT_DELETE')
      const found = flowsOf(fileOf(name)).flatMap(flow => {
        const value = deleteFlow(flow).value as ConntrackMessage
        const { id, ...rest } = value.attributes
        expect(id).toBe(flow.id)
        const { original, zone } = attributes
        const same = Bun.deepEquals(toJson(rest), { original, ...(zone === undefined ? {} : { zone }) })
        return same ? [value.header] : []
      })
      expect<unknown>(found).toEqual([header])
    })
})

describe('an event', () => {
  const hex = fileOf('list').messages.find(({ from }) => from === 'kernel')?.hex ?? ''
  const { IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_NEW } = messageTypes
  const event = (type: number, flags: number) =>
    decodeFlowEvent({ type, flags, payload: payloadOf(hex) } satisfies Reply)

  test('is told by its type and flags', () => {
    expect(event(IPCTNL_MSG_CT_NEW, NLM_F.create | NLM_F.exclusive)?.type).toBe('new')
    expect(event(IPCTNL_MSG_CT_NEW, 0)?.type).toBe('update')
    expect(event(IPCTNL_MSG_CT_DELETE, 0)?.type).toBe('destroy')
    expect(event(IPCTNL_MSG_CT_DELETE, 0)?.flow).toEqual(decodeFlow(payloadOf(hex)))
  })

  test('of an expectation, or of another subsystem, is none', () => {
    expect(event(0x200, 0)).toBeUndefined()
  })
})
