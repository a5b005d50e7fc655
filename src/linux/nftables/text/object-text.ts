import { limitUnits } from '../compile/compile.ts'
import { inetProtocol } from '../datatypes/index.ts'
import { durationText } from '../datatypes/times.ts'
import { nameText, quoteText } from '../quote.ts'
import type { FlowtableState, ObjectState } from '../read/model.ts'
import type { TextContext } from './context.ts'
import { priorityText } from './priority-text.ts'
import { limitText, sizeText } from './stateful-text.ts'

/** A named object as nft prints it inside of its table. */
export const objectText = (object: ObjectState): string => {
  const word = object.type === 'other' ? `object-${object.number}` : object.type
  const lines = [`\t${word} ${nameText(object.name)} {`]
  if (object.comment !== undefined) lines.push(`\t\tcomment ${quoteText(object.comment)}`)
  for (const line of objectLines(object)) lines.push(`\t\t${line}`)
  lines.push('\t}')
  return lines.join('\n')
}

const families: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 10: 'ip6' }
const familyWord = (number: number | undefined): string => families[number ?? 0] ?? String(number)
const protocolWord = (number: number | undefined): string =>
  String(inetProtocol.fromInteger(BigInt(number ?? 0)))

/** States of a protocol with the seconds that the kernel has by default; nft lists only others. */
const defaultTimeouts: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  tcp: [
    ['syn_sent', 120],
    ['syn_recv', 60],
    ['established', 432_000],
    ['fin_wait', 120],
    ['close_wait', 60],
    ['last_ack', 30],
    ['time_wait', 120],
    ['close', 10],
    ['syn_sent2', 120],
    ['retrans', 300],
    ['unack', 300],
  ],
  udp: [
    ['unreplied', 30],
    ['replied', 120],
  ],
}

const policyLines = (protocol: string, seconds: readonly number[]): string[] => {
  const states = (defaultTimeouts[protocol] ?? []).flatMap(([state, usual], i) =>
    seconds[i] === undefined || seconds[i] === usual ? [] : [`${state} : ${seconds[i]}`],
  )
  return [`policy = { ${states.join(', ')} }`]
}

const objectLines = (object: ObjectState): string[] => {
  switch (object.type) {
    case 'counter':
      return [`packets ${object.data.packets ?? 0n} bytes ${object.data.bytes ?? 0n}`]
    case 'quota': {
      const { bytes = 0n, consumed = 0n, flags = 0 } = object.data
      const used = consumed > 0n ? ` used ${sizeText(consumed)}` : ''
      return [`${flags & 1 ? 'over ' : ''}${sizeText(bytes)}${used}`]
    }
    case 'limit': {
      const { rate = 0n, unit, burst = 0, type, flags = 0 } = object.data
      const per =
        Object.entries(limitUnits).find(([, seconds]) => BigInt(seconds) === unit)?.[0] ?? `${unit}s`
      const limit = {
        rate,
        per,
        burst,
        of: type === 'bytes' ? 'bytes' : 'packets',
        over: (flags & 1) !== 0,
      } as const
      return [limitText(limit).replace(/^limit /, '')]
    }
    case 'connlimit': {
      const { count = 0, flags = 0 } = object.data
      return [`ct count ${flags & 1 ? 'over ' : ''}${count}`]
    }
    case 'ct helper': {
      const { name = '', l3proto, l4proto } = object.data
      return [`type ${quoteText(name)} protocol ${protocolWord(l4proto)}`, `l3proto ${familyWord(l3proto)}`]
    }
    case 'ct expectation': {
      const { l3proto, l4proto, dport = 0, timeout = 0, size = 0 } = object.data
      return [
        `protocol ${protocolWord(l4proto)}`,
        `dport ${dport}`,
        `timeout ${durationText(BigInt(timeout))}`,
        `size ${size}`,
        `l3proto ${familyWord(l3proto)}`,
      ]
    }
    case 'ct timeout':
      return [
        `protocol ${protocolWord(object.data.l4proto)}`,
        `l3proto ${familyWord(object.data.l3proto)}`,
        ...policyLines(protocolWord(object.data.l4proto), object.data.data ?? []),
      ]
    case 'secmark':
      return [quoteText(object.data.context ?? '')]
    case 'synproxy': {
      const { mss = 0, windowScale = 0, flags = 0 } = object.data
      return [
        `mss ${mss}`,
        `wscale ${windowScale}`,
        ...(flags & 12
          ? [[...(flags & 8 ? ['timestamp'] : []), ...(flags & 4 ? ['sack-perm'] : [])].join(' ')]
          : []),
      ]
    }
    case 'other':
      return []
  }
}

/** A flowtable as nft prints it inside of its table. */
export const flowtableText = (flowtable: FlowtableState, { family }: TextContext): string => {
  const { priority = 0, devices = [] } = flowtable.hook
  const lines = [
    `\tflowtable ${nameText(flowtable.name)} {`,
    `\t\thook ingress priority ${priorityText(family, 'ingress', priority)}`,
  ]
  if (devices.length > 0) lines.push(`\t\tdevices = { ${devices.map(nameText).join(', ')} }`)
  if (flowtable.flags & 1) lines.push('\t\tflags offload')
  if (flowtable.flags & 2) lines.push('\t\tcounter')
  lines.push('\t}')
  return lines.join('\n')
}
