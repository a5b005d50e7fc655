import { describe, expect, test } from 'bun:test'
import {
  bytesOf,
  fromJson,
  loadGolden,
  saveGolden,
  schemaOf,
  toJson,
  words,
} from '../../../test/golden/nftables/support.ts'
import { Writer } from '../netlink/writer.ts'

/** What nft(8) and the kernel said, byte for byte, and what it means: read as it is written, and written as it was. */

const update = process.env.UPDATE_GOLDEN === '1'

for (const name of ['objects', 'rules', 'ruleset', 'dumps']) {
  const golden = loadGolden(name)
  describe(`golden ${name}`, () => {
    for (const item of golden.cases) {
      test(`${item.name}: decodes to the reviewed values`, () => {
        const values = item.messages.map(message => {
          const bytes = bytesOf(message.payload)
          return toJson(schemaOf(message.type).decode(bytes, 0, bytes.length))
        })
        if (update) item.values = values
        expect(values).toEqual(item.values ?? [])
      })
      // The kernel puts attributes in another order than nft; only what nft sent has to come out as it was.
      if (name === 'dumps') continue
      test(`${item.name}: encodes to the recorded bytes`, () => {
        for (const [i, message] of item.messages.entries()) {
          const writer = new Writer()
          schemaOf(message.type).encode(writer, fromJson(item.values?.[i]))
          expect(words(writer.bytes)).toBe(message.payload)
        }
      })
    }
    if (update) test('values are saved', () => saveGolden(name, golden))
  })
}
