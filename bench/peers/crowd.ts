/**
 * The peers' next space, with so many others there. To have all others made by the tool itself would take hours with some, so
 * their namespaces, cables and routes are made by the C program, and their rules are what the tool leaves for one space, as
 * often as there are spaces, each with names, addresses and ports of its own (multiply.ts). What is timed is the tool itself.
 */
import { writeFileSync } from 'node:fs'
import { multiplied } from '../lib/multiply.ts'
import { ask, timed } from '../lib/process.ts'
import { restore } from '../lib/sandbox.ts'
import { cni } from './cni.ts'
import type { Contender } from './contender.ts'
import { tableOf } from './many.ts'
import { netavark } from './netavark.ts'
import { type Rename, renamed, renamedInOneNetwork } from './rename.ts'
import { batch, batchNext, floor, shell } from './shell.ts'

type Face = Pick<Contender, 'name' | 'what' | 'missing' | 'versions'>

export type Peer = Face & {
  /** Beyond so many spaces it cannot go. */
  readonly most?: { readonly count: number; readonly why: string }
  /** What is needed once, with `others` spaces there; what it returns brings their rules in, before each time. */
  readonly among: (others: number) => () => void
  /** Milliseconds that its `up` takes with `others` spaces there. */
  readonly up: (others: number) => number
}

/** Takes away the space that came last, and all rules. Not by the tool itself: that could take longer than its `up`. */
export const sweep = (): void => {
  ask('sh', '-c', 'ip link delete veth1 2>/dev/null; ip netns delete myspace')
  restore()
}

const forward = (): void => writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')

const faceOf = ({ name, what, missing, versions }: Contender): Face => ({ name, what, missing, versions })

/** A tool whose rules iptables-save shows. */
const byIptables = (contender: Contender, rename: Rename): Peer => ({
  ...faceOf(contender),
  among(others) {
    if (others === 0) return () => {}
    contender.up()
    const rules = multiplied(ask('iptables-save'), others, rename)
    sweep()
    return () => {
      timed({ run: ['iptables-restore'], input: rules })
      forward()
    }
  },
  up: contender.up,
})

/** What the kernel allows a bridge; a tool that has one for all spaces cannot have more of them. */
const bridgePorts = 1023

export const peers: readonly Peer[] = [
  { ...faceOf(floor), among: () => () => {}, up: floor.up },
  {
    ...faceOf(batch),
    among(others) {
      if (others === 0) return () => {}
      const table = tableOf(others)
      return () => {
        timed({ run: ['nft', '-f', '-'], input: table })
        forward()
      }
    },
    up: others => (others === 0 ? batch.up() : batchNext()),
  },
  byIptables(shell, renamed),
  byIptables(cni, renamed),
  {
    ...byIptables(netavark, renamedInOneNetwork),
    most: { count: bridgePorts, why: `its bridge has at most ${bridgePorts.toLocaleString('en-US')} ports` },
    among(others) {
      const rules = byIptables(netavark, renamedInOneNetwork).among(others)
      const ports = Array.from({ length: others }, (_, number) => `link set m${number} master veth1`)
      return () => {
        rules()
        if (others === 0) return
        const bridge = ['link add veth1 up type bridge', 'address add 192.168.45.2/24 dev veth1', ...ports]
        timed({ run: ['ip', '-batch', '-'], input: `${bridge.join('\n')}\n` })
      }
    },
  },
]
