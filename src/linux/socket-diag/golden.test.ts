/** The bytes of ss(8) and of the kernel, both ways: what they mean to us, and what we write for the same meaning. */
import { describe, expect, test } from 'bun:test'
import { fromHex, goldenFiles, toJson } from '../../../test/support/golden.ts'
import { expectBytes } from '../../../test/support/hex-diff.ts'
import { schemaOf, socketMeaning } from '../../../test/support/socket-diag-golden.ts'
import { writeMessage } from '../netlink/message.ts'
import { Writer } from '../netlink/writer.ts'
import { type Listener, listListeners } from './listener.ts'

const files = goldenFiles('socket-diag')
const all = files.flatMap(file => file.messages)

/** The whole message, written anew from its decoded value. */
const rewritten = (bytes: Uint8Array, from: 'program' | 'kernel'): Uint8Array => {
  const schema = schemaOf(from)
  const value = schema.decode(bytes, 16, bytes.length)
  const view = Buffer.from(bytes)
  const writer = new Writer(16)
  const [type, flags, sequence] = [view.readUInt16LE(4), view.readUInt16LE(6), view.readUInt32LE(8)]
  writeMessage(writer, type, flags, sequence, inner => schema.encode(inner, value))
  writer.patchU32(12, view.readUInt32LE(12))
  return writer.bytes
}

for (const { name, command, tool, kernel, messages } of files)
  describe(`${name}: ${command} (${tool}, ${kernel})`, () => {
    let request = new Uint8Array()
    for (const [index, message] of messages.entries()) {
      const bytes = fromHex(message.hex)
      if (message.from === 'program') request = new Uint8Array(bytes)
      const answered = request
      test(`${index} ${message.from} ${message.type} decodes`, () => {
        const { type, value, read } = socketMeaning(bytes, message.from, answered)
        expect({ type, value, read }).toEqual({
          type: message.type,
          value: message.value,
          read: message.read,
        })
      })
      if (message.type.startsWith('NLMSG_')) continue
      test(`${index} ${message.from} ${message.type} encodes to the same bytes`, () => {
        expectBytes(rewritten(bytes, message.from), bytes, command)
      })
    }
  })

test('our requests are those of ss(8)', () => {
  const asked = (name: string) =>
    files
      .find(file => file.name === name)
      ?.messages.filter(({ from }) => from === 'program')
      .map(({ value }) => value)
  const ours = (...requests: ReturnType<typeof listListeners>[]) => requests.map(({ value }) => toJson(value))
  expect(ours(listListeners('tcp', 4), listListeners('tcp', 6))).toEqual(asked('tcp') ?? [])
  expect(ours(listListeners('tcp', 6))).toEqual(asked('tcp-ipv6') ?? [])
  expect(ours(listListeners('udp', 4), listListeners('udp', 6))).toEqual(asked('udp') ?? [])
  // ss(8) gives up after the first refusal, as we do.
  expect(ours(listListeners('sctp', 4))).toEqual(asked('sctp-missing') ?? [])
})

test('the golden files hold every form of a listener', () => {
  const listeners = all.flatMap(({ read }) => (read ?? []) as Listener[])
  const holds = (form: (listener: Listener) => boolean) => expect(listeners.some(form)).toBe(true)
  for (const protocol of ['tcp', 'udp']) holds(listener => listener.protocol === protocol)
  for (const address of ['0.0.0.0', '127.0.0.1', '::', '::1', '::ffff:127.0.0.1'])
    holds(listener => listener.address === address)
  holds(listener => listener.v6Only === true)
  holds(listener => listener.v6Only === false)
  holds(listener => listener.interface === 1)
})
