import type { Facts } from '../facts.ts'
import { type CheckResult, noFix, nothing, resultOf, together } from '../finding.ts'
import { unlessGone } from '../processes.ts'
import { ipInside } from '../subject.ts'

/** Namespaces that a program without root carries packets for: pasta (passt), slirp4netns. */
export const checkRootless = (facts: Facts): CheckResult =>
  together([checkCarrier(facts), checkHostAddress(facts), checkDevice(facts)])

const carriers = /^(pasta|passt|slirp4netns)/

/** A tap without a carrier has lost the program at its other end. */
const checkCarrier = (facts: Facts): CheckResult => {
  const { inner } = facts.cable
  if (inner === undefined || inner.kind !== 'tun' || inner.carrier) return nothing
  const { kernel } = facts
  const running = (kernel.readFolder('/proc') ?? [])
    .filter(name => /^\d+$/.test(name))
    .flatMap(id => unlessGone(() => kernel.readFile(`/proc/${id}/comm`))?.trim() ?? [])
    .filter(command => carriers.test(command))
  return resultOf([
    {
      code: 'RL-HELPERDEAD',
      what: `nobody carries the packets of ${inner.name} any more`,
      evidence: [
        `${inner.name}: NO-CARRIER`,
        running.length === 0
          ? 'no process pasta or slirp4netns runs'
          : `processes: ${running.join(', ')}, none of which has it open`,
      ],
      fix: noFix,
    },
  ])
}

/** pasta gives the namespace the host's own address: what is sent to it stays inside. */
const checkHostAddress = (facts: Facts): CheckResult => {
  const { destination, inside } = facts
  const decision = facts.route(inside, { destination: destination.address })
  const isOfHost = facts
    .links(undefined)
    .filter(link => !link.loopback)
    .some(link => facts.addressesOf(undefined, link).some(({ address }) => address === destination.address))
  if (!isOfHost || !decision.found || decision.type !== 'local') return nothing
  const link = facts
    .links(inside)
    .find(item => facts.addressesOf(inside, item).some(({ address }) => address === destination.address))
  const words =
    link && `address delete ${destination.address}/${lengthAt(facts, link.index)} dev ${link.name}`
  return resultOf([
    {
      code: 'RL-HOSTADDR',
      what: `${destination.address}, an address of the host, is one of the namespace too: what it sends there stays inside`,
      evidence: [`look-up inside: local${link === undefined ? '' : `, address of ${link.name}`}`],
      fix:
        words === undefined
          ? noFix
          : {
              commands: [ipInside(facts.subject, words)],
              undo: [ipInside(facts.subject, words.replace('delete', 'add'))],
            },
    },
  ])
}

const lengthAt = (facts: Facts, index: number): number =>
  facts.seen
    .addresses(facts.inside)
    .get(index)
    ?.find(({ address }) => address === facts.destination.address)?.prefixLength ?? 32

const device = '/dev/net/tun'

/** Without root a namespace is connected by a tap, and that needs the device. */
const checkDevice = (facts: Facts): CheckResult => {
  const { kernel, cable } = facts
  const isFirst = /^\s*0\s+0\s+4294967295\s*$/m.test(kernel.readFile('/proc/self/uid_map') ?? '')
  if (cable.inner !== undefined || isFirst || kernel.fileStatus(device) !== undefined) return nothing
  return resultOf([
    {
      code: 'RL-NOTUN',
      what: `${device} is not there, which pasta and slirp4netns need to connect the namespace`,
      evidence: [`nothing is at ${device}`],
      fix: noFix,
    },
  ])
}
