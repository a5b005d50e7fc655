/** A spec file as natspace would be given it: the inverse of parseSpecFile, as far as there is something to say. */

import { formatEgress } from '../spec/egress.ts'
import { formatPublish } from '../spec/publish.ts'
import { formatRate } from '../spec/rate.ts'
import type { SpaceSpec } from '../spec/types.ts'

/** Lines of a YAML file with these spaces; what is as it would be by itself is left out. Pure. */
export const specFileLines = (specs: readonly SpaceSpec[]): string[] => [
  'spaces:',
  ...specs.flatMap(spec => spaceLines(spec)),
]

type Entry = readonly [key: string, lines: readonly string[]]

const spaceLines = (spec: SpaceSpec): string[] => {
  const entries = entriesOf(spec)
  if (entries.length === 0) return [`  ${keyText(spec.name)}: {}`]
  return [
    `  ${keyText(spec.name)}:`,
    ...entries.flatMap(([key, [first = '', ...more]]) => [
      `    ${key}:${first === '' ? '' : ` ${first}`}`,
      ...more.map(line => `      ${line}`),
    ]),
  ]
}

/** In the order of the schema. */
const entriesOf = (spec: SpaceSpec): Entry[] => {
  const { publish, source, rate, connect, egress } = spec
  return [
    ...text('address', spec.address),
    ...text('gateway', spec.gateway),
    ...text('address6', spec.address6),
    ...text('gateway6', spec.gateway6),
    ...text('hostInterface', spec.hostInterface),
    ...text('interface', spec.interface),
    ...text('uplink', spec.uplink),
    ...list('publish', publish.map(formatPublish)),
    ...(spec.dns === undefined ? [] : [['dns', [flow(spec.dns)]] as const]),
    ...list('source', Object.values(source ?? {})),
    ...(spec.ipv6 === 'auto' ? [] : text('ipv6', spec.ipv6)),
    ...(rate === undefined
      ? []
      : [
          [
            'rate',
            [
              '',
              ...(rate.up === undefined ? [] : [`up: ${formatRate(rate.up)}`]),
              ...(rate.down === undefined ? [] : [`down: ${formatRate(rate.down)}`]),
            ],
          ] as const,
        ]),
    ...list('connect', connect),
    ...(egress === undefined ? [] : [['egress', ['', `allow: ${flow(egress.map(formatEgress))}`]] as const]),
    ...(spec.host === 'dns' ? [] : text('host', spec.host)),
    ...flag('metadata', spec.metadata),
    ...(spec.mtu === undefined ? [] : [['mtu', [`${spec.mtu}`]] as const]),
    ...flag('internal', spec.internal),
    ...flag('fixFirewall', spec.fixFirewall),
  ]
}

const text = (key: string, value: string | undefined): Entry[] =>
  value === undefined ? [] : [[key, [scalar(value)]]]

const flag = (key: string, value: boolean): Entry[] => (value ? [[key, ['true']]] : [])

const list = (key: string, values: readonly string[]): Entry[] =>
  values.length === 0 ? [] : [[key, [flow(values)]]]

const flow = (values: readonly string[]): string =>
  `[${values.map(value => JSON.stringify(value)).join(', ')}]`

/** Words that some reader of YAML takes for something else than text. */
const loaded = /^(true|false|yes|no|on|off|y|n|null|nan|inf)$/i

/** A name, or a word that begins as a name does; everything else, numbers and colons above all, is put in quotes. */
const plain = /^[a-zA-Z][a-zA-Z0-9_-]*$/

const keyText = (name: string): string =>
  plain.test(name) && !loaded.test(name) ? name : JSON.stringify(name)

/** Addresses read better without quotes, and cannot be taken for anything else. */
const address = /^[0-9]{1,3}(\.[0-9]{1,3}){3}(\/[0-9]{1,2})?$/

const scalar = (value: string): string => (address.test(value) ? value : keyText(value))
