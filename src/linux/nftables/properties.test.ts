import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { bytesOf, loadGolden, schemaOf } from '../../../test/golden/nftables/support.ts'
import { arbitraryOf, kernelText, scalarArbitraries } from '../../../test/support/arbitrary.ts'
import { type Codec, DecodeError } from '../netlink/codec.ts'
import type { AttributeTable } from '../netlink/composite.ts'
import { Writer } from '../netlink/writer.ts'
import { decompile } from './decompile/decompile.ts'
import { expression, type Instruction } from './expressions/index.ts'
import { type Family, familyName } from './family.ts'
import { chainMessage } from './messages/chain.ts'
import { elementsMessage } from './messages/element.ts'
import { flowtableMessage } from './messages/flowtable.ts'
import { batchMessage, generationMessage } from './messages/generation.ts'
import { objectMessage } from './messages/object.ts'
import { ruleMessage } from './messages/rule.ts'
import { setMessage } from './messages/set.ts'
import { tableMessage } from './messages/table.ts'
import { toChain, toFlowtable, toObject, toRule, toSet, toTable } from './read/decode.ts'
import type { Table } from './read/model.ts'
import { beI32, plainString } from './scalars.ts'
import { decodeElements } from './sets/decode-elements.ts'
import { tableText } from './text/table-text.ts'

const schemas: Record<string, Codec<unknown> & { table?: AttributeTable }> = {
  table: tableMessage,
  chain: chainMessage,
  rule: ruleMessage,
  set: setMessage,
  elements: elementsMessage,
  object: objectMessage,
  flowtable: flowtableMessage,
  generation: generationMessage,
  batch: batchMessage,
}

/** Codecs of numbers with names are each their own: found in the tables. */
const registerNamed = (codec: Codec<unknown>): void => {
  const inside = codec as {
    names?: Record<string, number>
    table?: AttributeTable
    cases?: Record<string, Codec<unknown>>
    element?: Codec<unknown>
  }
  if (inside.names) {
    const used = new Set(Object.values(inside.names))
    const number = fc.nat({ max: 2 ** 32 - 1 }).filter(value => !used.has(value))
    scalarArbitraries.set(codec, fc.oneof(fc.constantFrom(...Object.keys(inside.names)), number))
  }
  for (const [, inner] of Object.values(inside.table ?? {})) registerNamed(inner)
  for (const inner of Object.values(inside.cases ?? {})) registerNamed(inner)
  if (inside.element) registerNamed(inside.element)
}

scalarArbitraries.set(beI32, fc.integer())
scalarArbitraries.set(plainString, kernelText)
for (const schema of Object.values(schemas)) registerNamed(schema)

const encode = (codec: Codec<unknown>, value: unknown): Uint8Array => {
  const writer = new Writer()
  codec.encode(writer, value)
  return writer.bytes.slice()
}

const decodesOrRefuses = (codec: Codec<unknown>, bytes: Uint8Array): void => {
  try {
    codec.decode(bytes, 0, bytes.length)
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError)
  }
}

describe('messages', () => {
  for (const [name, schema] of Object.entries(schemas)) {
    test(`${name}: what is written is read again`, () => {
      fc.assert(
        fc.property(arbitraryOf(schema), value => {
          const bytes = encode(schema, value)
          expect(schema.decode(bytes, 0, bytes.length)).toEqual(value)
        }),
        { numRuns: 60 },
      )
    })
    test(`${name}: random bytes give DecodeError or a value`, () => {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => decodesOrRefuses(schema, bytes)))
    })
  }

  test('recorded messages, cut off or with a changed byte, give DecodeError or a value', () => {
    const recorded = ['objects', 'rules', 'ruleset', 'dumps']
      .flatMap(name => loadGolden(name).cases)
      .flatMap(item => item.messages)
    fc.assert(
      fc.property(fc.constantFrom(...recorded), fc.nat(), fc.nat({ max: 255 }), (message, at, byte) => {
        const bytes = bytesOf(message.payload)
        decodesOrRefuses(schemaOf(message.type), bytes.subarray(0, at % (bytes.length + 1)))
        const changed = bytes.slice()
        changed[at % bytes.length] = byte
        decodesOrRefuses(schemaOf(message.type), changed)
      }),
      { numRuns: 2000 },
    )
  })
})

const families: fc.Arbitrary<Family> = fc.constantFrom('inet', 'ip', 'ip6', 'bridge', 'netdev', 'arp')

/** A table of anything that the kernel could ever say: any attribute may be missing, or hold what it never does. */
const anyTable = fc
  .record({
    table: arbitraryOf(tableMessage),
    family: families,
    chains: fc.array(arbitraryOf(chainMessage), { maxLength: 2 }),
    rules: fc.array(arbitraryOf(ruleMessage), { maxLength: 3 }),
    sets: fc.array(arbitraryOf(setMessage), { maxLength: 3 }),
    elements: arbitraryOf(elementsMessage),
    objects: fc.array(arbitraryOf(objectMessage).map(withoutData), { maxLength: 2 }),
    flowtables: fc.array(arbitraryOf(flowtableMessage), { maxLength: 1 }),
  })
  .map(parts => connected(parts as Parts))

type Parts = {
  table: Parameters<typeof toTable>[0]
  family: Family
  chains: Parameters<typeof toChain>[0][]
  rules: Parameters<typeof toRule>[0][]
  sets: Parameters<typeof toSet>[0][]
  elements: { attributes: { elements?: Parameters<typeof decodeElements>[1] } }
  objects: Parameters<typeof toObject>[0][]
  flowtables: Parameters<typeof toFlowtable>[0][]
}

const registerKeys =
  /^(dreg|sreg|keyRegister|dataRegister|addressMin|addressMax|portMin|portMax|address|port|device)$/
const registers = [0, 1, 1, 1, 2, 3, 8, 9, 10, 23]

/** Lets the instructions of rules meet: in registers that exist, about sets that exist. */
const connected = (parts: Parts): Parts => {
  const names = parts.sets.map(set => set.attributes.name ?? '')
  const visit = (value: unknown, key: string): unknown => {
    if (registerKeys.test(key) && typeof value === 'number') return registers[value % registers.length]
    if (key === 'set' && typeof value === 'string') return names[value.length % names.length] ?? value
    if (Array.isArray(value)) return value.map(item => visit(item, ''))
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, visit(item, name)]))
  }
  return { ...parts, rules: parts.rules.map(item => visit(item, '') as (typeof parts.rules)[number]) }
}

/** The data of an object is decoded by its type when it is read: bytes of another form are a DecodeError there. */
function withoutData(message: unknown): unknown {
  const { header, attributes } = message as { header: unknown; attributes: Record<string, unknown> }
  const { data: _, ...rest } = attributes
  return { header, attributes: rest }
}

test('any table can be printed, and obeys nobody', () => {
  fc.assert(
    fc.property(anyTable, parts => {
      const empty = toTable(parts.table)
      const sets = parts.sets.map(message => {
        const set = toSet(message)
        return { ...set, elements: decodeElements(set, parts.elements.attributes.elements ?? []) }
      })
      const chains = parts.chains.map(message => ({ ...toChain(message), rules: parts.rules.map(toRule) }))
      const table: Table = {
        ...(empty ?? { name: '', handle: 0n, flags: [] }),
        family: familyName(parts.table.header.family) ?? parts.family,
        sets,
        objects: parts.objects.map(toObject),
        flowtables: parts.flowtables.map(toFlowtable),
        chains,
      }
      const text = tableText(table)
      // Nothing that a terminal would obey, and no text that ends before its own quote.
      expect(text).not.toMatch(/[^\P{C}\n\t]/u)
      for (const line of text.split('\n')) expect((line.match(/"/g)?.length ?? 0) % 2).toBe(0)
    }),
    { numRuns: 400, interruptAfterTimeLimit: 4000, includeErrorInReport: true },
  )
})

test('any list of instructions can be read: what cannot be described is kept as it is', () => {
  const instructions = fc.array(arbitraryOf(expression) as fc.Arbitrary<Instruction>, { maxLength: 8 })
  fc.assert(
    fc.property(instructions, families, (list, family) => {
      const statements = decompile(list, { family, sets: [] })
      for (const statement of statements)
        if (statement.kind === 'raw') expect(list).toContain(statement.instruction)
    }),
    { numRuns: 500 },
  )
})
