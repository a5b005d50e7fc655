import { expect, test } from 'bun:test'
import { en } from './en.ts'
import { zh } from './zh.ts'

/** Each text by its path; of a function what it says of examples. */
function textsIn(value: unknown, path = ''): Map<string, string> {
  if (typeof value === 'string') return new Map([[path, value]])
  if (typeof value === 'function') return new Map([[path, String(value('7', '8', '9'))]])
  if (typeof value !== 'object' || value === null) return new Map()
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [
      ...textsIn(inner, path === '' ? key : `${path}.${key}`),
    ]),
  )
}

const english = textsIn(en)
const chinese = textsIn(zh)
const han = /\p{Script=Han}/u

/** Names of the kernel's hooks, and what is typed, are the same in every language. */
const same = /\.places\.\w+$|Example$|Command$/

/** So are these. */
const names =
  /^[\s\d.:/()=>→–…·%+#-]*(?:(?:natspace|SVG|Mermaid|Shell|nft|iptables|NAT|TCP|UDP|SCTP|ICMP|ICMPv6|IPv4|IPv6|TTL|DSCP|MAC|DNS)[\s\d.:/()=>→–…·%+#-]*)*$/

test('both languages have the same texts', () => {
  expect([...chinese.keys()].toSorted()).toEqual([...english.keys()].toSorted())
})

test('no text was left out or left in English', () => {
  const left = [...chinese].filter(
    ([path, text]) => !han.test(text) && !names.test(text) && !same.test(path) && english.get(path) === text,
  )
  expect(left).toEqual([])
  expect([...english, ...chinese].filter(([, text]) => text.includes('undefined'))).toEqual([])
})

test('no English text holds Chinese', () => {
  expect([...english].filter(([, text]) => han.test(text))).toEqual([])
})
