import { littleEndian } from '../../linux/netlink/writer.ts'
import type { RuleState } from '../../linux/nftables/index.ts'
import { tableEcho } from './table-echo.ts'
import { tableOutline } from './table-outline.ts'

/**
 * Theory of operation. Whether the rules of the table are ours is asked by every command, and to decode and compare them
 * takes longer than to make a space. So what a kernel gave back for them is kept (table-echo.ts): of each rule two
 * bytes that are the length of its instructions, and these. A rule that came back in the same bytes is the same rule.
 * Bytes that differ say nothing, as another kernel may write a rule otherwise: then it has to be decoded (sameRule).
 */

let echoes: Map<string, Uint8Array[]> | undefined

const echoesOf = (chain: string): readonly Uint8Array[] => {
  if (echoes === undefined) {
    const all = Buffer.from(littleEndian ? tableEcho : '', 'base64')
    let at = 0
    const next = (): Uint8Array => {
      if (at + 2 > all.length) return new Uint8Array()
      const from = at + 2
      at = from + all.readUInt16LE(at)
      return all.subarray(from, at)
    }
    echoes = new Map(tableOutline.map(({ name, rules }) => [name, Array.from({ length: rules }, next)]))
  }
  return echoes.get(chain) ?? []
}

/** Whether a rule of one of the table's chains is surely the one that belongs at this place, counted from 0. */
export const isEcho = (chain: string, index: number, { encoded }: RuleState): boolean => {
  const echo = echoesOf(chain)[index]
  return encoded !== undefined && echo !== undefined && echo.length > 0 && Buffer.compare(echo, encoded) === 0
}
