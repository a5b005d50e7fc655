import { expect, test } from 'bun:test'
import type { Instruction } from '../expressions/index.ts'
import type { Ruleset } from '../read/model.ts'
import { evaluateHook } from './index.ts'

/** Rules that no kernel hands out, but that bytes can say: each has an answer, soon, and in little memory. */

const rulesetOf = (instructions: Instruction[]): Ruleset => ({
  generation: 0,
  tables: [
    {
      family: 'inet',
      name: 't',
      handle: 1n,
      flags: [],
      sets: [],
      objects: [],
      flowtables: [],
      chains: [
        {
          name: 'c',
          type: 'filter',
          hook: 'forward',
          priority: 0,
          policy: 'accept',
          handle: 1n,
          rules: [{ handle: 2n, instructions }],
        },
      ],
    },
  ],
})

const drop: Instruction = { name: 'immediate', data: { dreg: 0, data: { verdict: { code: 0 } } } }

const cases: [string, Instruction][] = [
  [
    'a byte order of parts of no bytes',
    { name: 'byteorder', data: { sreg: 1, dreg: 1, length: 4, size: 0 } },
  ],
  [
    'a byte order of all the bytes there are',
    { name: 'byteorder', data: { sreg: 1, dreg: 1, length: 0xffffffff, size: 2 } },
  ],
  [
    'a part of the packet that is longer than memory',
    { name: 'payload', data: { dreg: 1, base: 'network', offset: 0, length: 0xffffffff } },
  ],
  [
    'a mask as long',
    {
      name: 'bitwise',
      data: {
        sreg: 1,
        dreg: 1,
        length: 0xfffffffe,
        mask: { value: new Uint8Array(1) },
        xor: { value: new Uint8Array(1) },
      },
    },
  ],
  [
    'a translation of IPv4 that meets IPv6',
    { name: 'target', data: { name: 'DNAT', revision: 0, info: new Uint8Array(20).fill(1) } },
  ],
]

for (const [title, instruction] of cases)
  test(title, () => {
    for (const family of [4, 6] as const) {
      const { verdict } = evaluateHook(
        rulesetOf([instruction, drop]),
        { hook: 'forward' },
        { family, protocol: 6, source: family === 4 ? '10.0.0.1' : 'fd00::1' },
      )
      expect(['accept', 'drop', 'unknown']).toContain(verdict)
    }
  })
