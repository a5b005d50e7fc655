/** What the evaluator of rulesets says, against what the kernel does with real packets. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { evaluateHook, type Outcome, type Packet } from '../../src/linux/nftables/evaluate/index.ts'
import type { Ruleset } from '../../src/linux/nftables/index.ts'
import { answerTo, packetsOf } from '../support/random-packets.ts'
import { iptablesRuleset, nftRuleset, Random } from '../support/random-ruleset.ts'
import { addresses, type Fate, RouterStage, type Side } from '../support/router-stage.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const kernelTest = requireTool('nft', 'iptables-nft', 'conntrack')

let stage: RouterStage
beforeAll(() => {
  stage = new RouterStage()
})
afterAll(() => stage[Symbol.dispose]())

const other = (side: Side): Side => (side === 'left' ? 'right' : 'left')

/** A packet as it is described in the forward chain when it comes from a side. */
const described = (packet: Packet, from: Side): Packet => ({
  ...packet,
  iifname: `${from}0`,
  oifname: `${other(from)}0`,
  iif: stage.indexes[from],
  oif: stage.indexes[other(from)],
  fib: ({ flags, result, packet: { source = '', destination = '' } }) => {
    const address = flags.includes('saddr') ? source : destination
    const own = [...addresses[4].router, ...addresses[6].router] as string[]
    if (result === 'type') return own.includes(address) ? 'local' : 'unicast'
    const side = /^(10\.1\.|fd01:)/.test(address) ? 'left' : 'right'
    return result === 'oif' ? stage.indexes[side] : `${side}0`
  },
})

let number = 1000

type Sent = { number: number; packet: Packet; from: Side }

/** Sends packets, new ones with a number each, and returns what became of them. */
const send = async (
  packets: readonly { packet: Packet; from: Side }[],
): Promise<(Sent & { fate: Fate })[]> => {
  const sent = packets.map(item => ({ ...item, number: number++ }))
  for (const { packet, from, number: own } of sent) stage.send(from, own, packet)
  const fates = new Map<number, Fate>()
  for (const family of [4, 6] as const) {
    const numbers = sent.filter(({ packet }) => packet.family === family).map(item => item.number)
    if (numbers.length > 0) for (const entry of await stage.fates(family, numbers)) fates.set(...entry)
  }
  return sent.map(item => ({ ...item, fate: fates.get(item.number) as Fate }))
}

const deciderText = ({ decidedBy: by }: Outcome['steps'][number]): string =>
  by === undefined ? 'unknown' : `${by.table} ${by.chain} ${by.rule === 'policy' ? 'policy' : by.rule.handle}`

/** Compares the evaluator with the kernel; returns how many of the answers were certain. */
const compare = (ruleset: Ruleset, text: string, sent: readonly (Sent & { fate: Fate })[]): number => {
  let certain = 0
  for (const { packet, from, fate } of sent) {
    const outcome = evaluateHook(ruleset, { hook: 'forward' }, described(packet, from))
    if (outcome.verdict === 'unknown') {
      // Whatever happened must be among what was said to be possible.
      const stops = outcome.steps.flatMap(({ possible }) => possible.map(({ verdict }) => verdict))
      if (!stops.includes('unknown') && !stops.includes('queue')) expect(stops).toContain(fate.verdict)
      continue
    }
    certain++
    const { fib: _fib, ...plain } = described(packet, from)
    // Behind a chain that may stop the packet or not, what others would say may never be asked.
    const known = outcome.steps.findIndex(step => step.verdict === 'unknown')
    const upTo = known < 0 ? undefined : known
    const ours = { verdict: outcome.verdict, by: outcome.steps.map(deciderText).slice(0, upTo) }
    const theirs = { verdict: fate.verdict, by: fate.decidedBy.slice(0, upTo) }
    expect({ ruleset: text, packet: plain, ...ours }).toEqual({ ruleset: text, packet: plain, ...theirs })
  }
  return certain
}

/** New connections, then answers to those that were let through, then more of these. */
const exchange = async (ruleset: Ruleset, text: string, packets: { packet: Packet; from: Side }[]) => {
  const first = await send(packets)
  let certain = compare(ruleset, text, first)
  const open = first.filter(({ fate }) => fate.verdict === 'accept')
  const answers = await send(
    open.map(({ packet, from }) => ({ packet: answerTo(packet), from: other(from) })),
  )
  certain += compare(ruleset, text, answers)
  return { certain, all: first.length + answers.length }
}

describe('rulesets made at random', () => {
  for (const [kind, make, seeds] of [
    ['nft', nftRuleset, 40],
    ['iptables-nft', iptablesRuleset, 20],
  ] as const)
    kernelTest(
      `by ${kind}: every certain answer is what happens`,
      async () => {
        let [certain, all] = [0, 0]
        for (let seed = 1; seed <= seeds * Number(process.env.MUCH ?? 1); seed++) {
          const random = new Random(seed)
          stage.reset()
          const { program, text } = make(random)
          run(program[0], program.slice(1), text)
          const counts = await exchange(stage.ruleset(), text, packetsOf(random, 10))
          certain += counts.certain
          all += counts.all
        }
        console.info(`${kind}: ${certain} of ${all} answers were certain`)
        expect(certain).toBeGreaterThan(all * 0.9)
      },
      60_000,
    )
})
