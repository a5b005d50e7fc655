/**
 * Messages that are nearly right, by the thousand, through everything that reads bytes: each gives a value or an error of
 * its own, and never an accident of the language (a TypeError, a RangeError, an endless loop). Another count and seed by
 * NATSPACE_MUTATIONS and NATSPACE_SEED: `NATSPACE_MUTATIONS=1000000 bun test test/decoders.test.ts`
 */
import { expect, test } from 'bun:test'
import { type Decoder, decoders } from './support/decoders.ts'
import { mutated, randomNumbers } from './support/mutation.ts'

const asked = process.env.NATSPACE_MUTATIONS
const count = Number(asked ?? 20_000)
const seed = Number(process.env.NATSPACE_SEED ?? 20_161_123)
const all = decoders()

type Tally = { read: number; refused: number; wrong: string[] }

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const tryOne = ({ name, errors, read }: Decoder, bytes: Uint8Array, tally: Tally): void => {
  try {
    read(bytes)
    tally.read++
  } catch (error) {
    if (errors.some(type => error instanceof type)) tally.refused++
    else if (tally.wrong.length < 5)
      tally.wrong.push(`${name}: ${error instanceof Error ? error.stack : String(error)}\n  of ${hex(bytes)}`)
  }
}

test('what is recorded is read', () => {
  for (const { name, seeds, read } of all) {
    expect({ name, hasSeeds: seeds.length > 0 }).toEqual({ name, hasSeeds: true })
    for (const bytes of seeds) read(bytes)
  }
})

test(`${count} messages that are nearly right`, () => {
  const random = randomNumbers(seed)
  const wrong: string[] = []
  const table: string[] = []
  const total = { read: 0, refused: 0 }
  for (const [index, decoder] of all.entries()) {
    const share = Math.floor(count / all.length) + (index < count % all.length ? 1 : 0)
    const tally: Tally = { read: 0, refused: 0, wrong: [] }
    const start = performance.now()
    const { seeds } = decoder
    for (let left = share; left > 0; left--) {
      const bytes = mutated(
        seeds[random(seeds.length)] as Uint8Array,
        seeds[random(seeds.length)] as Uint8Array,
        random,
      )
      tryOne(decoder, bytes, tally)
    }
    wrong.push(...tally.wrong)
    total.read += tally.read
    total.refused += tally.refused
    table.push(
      `${decoder.name.padEnd(40)} ${share} tried, ${tally.read} read, ${tally.refused} refused, ${Math.round(performance.now() - start)} ms`,
    )
  }
  if (asked !== undefined) process.stderr.write(`${table.join('\n')}\n`)
  expect(wrong).toEqual([])
  // Both must happen, or the mutations are of no use.
  expect(total.read).toBeGreaterThan(count / 20)
  expect(total.refused).toBeGreaterThan(count / 20)
  expect(total.read + total.refused).toBe(count)
}, 3_600_000)

test('a value holds no view of the bytes it was read from', () => {
  const random = randomNumbers(seed + 1)
  const text = (value: unknown): string =>
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'bigint' ? `${item}n` : item instanceof Uint8Array ? hex(item) : item,
    ) ?? ''
  // Packets and files are read in place: theirs is the buffer of whoever has them.
  for (const { name, seeds, read, errors } of all.filter(item => !/^(packet|pcapng)/.test(item.name)))
    for (let left = 30; left > 0; left--) {
      const bytes = mutated(
        seeds[random(seeds.length)] as Uint8Array,
        seeds[random(seeds.length)] as Uint8Array,
        random,
      ).slice()
      let value: unknown
      try {
        value = read(bytes)
      } catch (error) {
        if (errors.some(type => error instanceof type)) continue
        throw error
      }
      const before = text(value)
      bytes.fill(0)
      expect({ name, text: text(value) }).toEqual({ name, text: before })
    }
})
