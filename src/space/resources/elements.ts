import type { KeyField, SetElement } from '../../linux/nftables/index.ts'
import { NatspaceError } from '../errors.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift } from '../reconcile/operation.ts'
import { elementCommands, firewallOperation } from '../ruleset/commands.ts'
import { keyText, type Membership, membershipsOf } from '../ruleset/elements.ts'
import { dataText, seenElements, seenGeneration, seenTable } from '../ruleset/seen-table.ts'
import { boundAddress, formatPublish, isPublishedIn } from '../spec/publish.ts'
import { findPublishClash, type PublishedBy } from '../spec/publish-clash.ts'
import type { Taken } from '../spec/taken.ts'
import type { PortRange, Publish, ResolvedSpace } from '../spec/types.ts'
import type { Resource } from './resource.ts'

const steps = ['guard', 'masquerade', 'publish'] as const

/**
 * What a space is in our table: a member of its sets. One resource a step, so that each can be explained and left out
 * by itself; all of them end up in one batch. `previous` is what the space was under an earlier spec: what it no longer
 * is goes in the same batch. Equivalent to: `nft add element inet natspace SET { … }`
 */
export const elementResources = (
  space: ResolvedSpace,
  previous?: ResolvedSpace,
  elsewhere: Elsewhere = () => false,
): Resource[] => {
  const members = membershipsOf(space)
  const before = (previous === undefined ? [] : membershipsOf(previous)).filter(
    member => !elsewhere(keyOf(member)),
  )
  return steps.map(step =>
    stepResource(
      space,
      step,
      members.filter(member => member.step === step),
      elsewhere,
      before.filter(member => member.step === step),
    ),
  )
}

/** Whether another space has this element, or is to have it in the same plan: a port that moves is left to the one that gets it. */
export type Elsewhere = (key: string) => boolean

/** For each space of a plan, what all others are to have. `previous` as in elementResources. */
export const elsewhereOf = (
  spaces: readonly ResolvedSpace[],
  previous: ReadonlyMap<string, ResolvedSpace>,
): ((space: string) => Elsewhere) => {
  // Only published ports move, and only from a space that had some.
  const moves = spaces.length > 1 && spaces.some(({ name }) => previous.get(name)?.publish.length)
  if (!moves) return () => () => false
  const owners = new Map(
    spaces.flatMap(space =>
      membershipsOf(space)
        .filter(({ step }) => step === 'publish')
        .map(member => [keyOf(member), space.name] as const),
    ),
  )
  return space => key => owners.has(key) && owners.get(key) !== space
}

const stepResource = (
  { name: space, hostInterface }: ResolvedSpace,
  step: Membership['step'],
  members: readonly Membership[],
  elsewhere: Elsewhere,
  before: readonly Membership[],
): Resource => {
  const id = `${step} of ${space}`
  const wanted = new Set(members.map(keyOf))
  const found = (seen: Observation, { set, element }: Membership) =>
    seenElements(seen, set).get(keyText(element.key))
  /** Elements of the space's egress list that are not in its record (which may have been lost). */
  const leftovers = (seen: Observation) =>
    byCable.flatMap(set =>
      [...seenElements(seen, set).values()]
        .filter(({ key }) => key[0] === hostInterface && !wanted.has(`${set} ${keyText(key)}`))
        .map(({ key }) => ({ set, element: { key } })),
    )
  const isRight = (seen: Observation, member: Membership) => {
    const element = found(seen, member)
    return element !== undefined && dataText(element.data) === dataText(member.element.data)
  }
  /** Elements under an earlier spec, still there and still as this space had them; one that only leads elsewhere now is none. */
  const obsolete = (seen: Observation) =>
    before.filter(member => !wanted.has(keyOf(member)) && isRight(seen, member))
  return {
    id,
    step,
    phase: 'firewall',
    space,
    drift(seen) {
      // Without the table all is missing, and the table says so.
      if (seenTable(seen) === undefined) return []
      const drift = (member: Membership, expected: string, actual: string): Drift => ({
        resource: `${member.set} { ${elementText(member.element)} }`,
        step,
        space,
        expected,
        found: actual,
      })
      return [
        ...members
          .filter(member => !isRight(seen, member))
          .map(member => {
            const other = found(seen, member)
            return drift(
              member,
              'there',
              other === undefined ? 'missing' : `leads to ${dataText(other.data)}`,
            )
          }),
        ...obsolete(seen).map(member => drift(member, 'gone', 'still there')),
      ]
    },
    add(seen) {
      const missing = members.filter(member => !isRight(seen, member))
      const wrong = missing.flatMap(member => {
        const element = found(seen, member)
        return element === undefined ? [] : [{ set: member.set, element: plain(element) }]
      })
      const surplus = [...wrong, ...obsolete(seen)]
      if (missing.length === 0 && surplus.length === 0) return []
      // A table that this plan makes goes as a whole.
      const fresh = seenTable(seen) === undefined
      const operation = (
        type: 'element.add' | 'element.delete',
        back: 'element.add' | 'element.delete',
        changed: readonly Pick<Membership, 'set' | 'element'>[],
      ) =>
        changed.length === 0
          ? []
          : [
              firewallOperation(
                elementCommands(type, changed),
                fresh ? [] : elementCommands(back, changed),
                seenGeneration(seen),
                step,
                space,
              ),
            ]
      // Apart, so that what another space gives up can go first: an interval may overlap another one.
      return [
        ...operation('element.delete', 'element.add', surplus),
        ...operation('element.add', 'element.delete', missing),
      ]
    },
    remove(seen) {
      const present = [
        ...members.filter(member => isRight(seen, member) && !elsewhere(keyOf(member))),
        ...(step === 'guard' ? leftovers(seen) : []),
      ]
      if (present.length === 0) return []
      return [
        firewallOperation(elementCommands('element.delete', present), [], seenGeneration(seen), step, space),
      ]
    },
  }
}

/** Where a space is told apart by its cable alone, and an old list of it may be found after its record is lost. */
const byCable = ['limited', 'rejected', 'egress4', 'egress6']

const keyOf = ({ set, element }: Membership): string => `${set} ${keyText(element.key)}`

const elementText = ({ key, data }: SetElement): string =>
  data === undefined ? keyText(key) : `${keyText(key)} : ${dataText(data)}`

const plain = ({ key, data }: SetElement): SetElement => (data === undefined ? { key } : { key, data })

/** Refuses a port of the host that another space has. Throws NatspaceError PORT_TAKEN (exit 2) with the owner's name. */
export const checkPublishedElsewhere = (
  seen: Observation,
  spaces: readonly ResolvedSpace[],
  previous: ReadonlyMap<string, ResolvedSpace>,
): void => {
  if (spaces.every(space => space.publish.length === 0)) return
  const own = new Set(
    [...spaces.map(({ name }) => previous.get(name)), ...spaces].flatMap(space => [
      space?.address,
      space?.ipv6?.address,
    ]),
  )
  const others = claims(seen).flatMap(publish => {
    const target = targetOf(seen, publish)
    return target === undefined || own.has(target) ? [] : [{ space: '', publish, target }]
  })
  const wanted = spaces.flatMap(space =>
    space.publish.map(publish => ({ space: space.name, publish, target: undefined })),
  )
  const clash = findPublishClash<PublishedBy & { target: string | undefined }>([...others, ...wanted])
  // Two that clash with each other were not asked for now.
  if (clash?.earlier.target === undefined || clash.later.target !== undefined) return
  throw portTaken(
    clash.later,
    clash.earlier.publish,
    clash.earlier.target,
    ownerOf(seen, clash.earlier.target),
  )
}

/** The ports of the host that are published now, by whatever space. */
const claims = (seen: Observation): Publish[] =>
  ['claimed', 'claimed4', 'claimed6'].flatMap(set =>
    [...seenElements(seen, set).values()].map(({ key }): Publish => {
      const [protocol, ports] = key.slice(-2)
      const hostPort = portsOf(ports)
      const rest = { protocol: String(protocol) as Publish['protocol'], hostPort, port: hostPort }
      return key.length > 2 ? { ...rest, hostAddress: addressOf(key[0]) } : rest
    }),
  )

/** 0.0.0.0 or :: where it is all addresses of a family. */
const addressOf = (field: KeyField | undefined): string => String(field).replace(/\/0$/, '')

const portsOf = (field: KeyField | undefined): PortRange =>
  typeof field === 'object' && 'first' in field
    ? { first: Number(field.first), last: Number(field.last) }
    : { first: Number(field), last: Number(field) }

/** The inside address that a claimed port leads to, as one of the maps has it. */
const targetOf = (seen: Observation, publish: Publish): string | undefined => {
  const { protocol, hostPort } = publish
  const hostAddress = boundAddress(publish)
  const at = hostAddress === undefined ? '' : '_at'
  const before: KeyField[] = hostAddress === undefined ? [protocol] : [hostAddress, protocol]
  const ranges = hostPort.first === hostPort.last ? [hostPort.first] : [{ ...hostPort }, hostPort.first]
  for (const family of [4, 6] as const) {
    if (!isPublishedIn(family, publish)) continue
    const map = `publish${family}`
    for (const ports of ranges) {
      const name = typeof ports === 'object' ? `${map}_range${at}` : `${map}${at}`
      const data = seenElements(seen, name).get(keyText([...before, ports]))?.data
      if (Array.isArray(data)) return String(data[0])
    }
  }
  return undefined
}

/** The host end of the cable whose inside address this is. */
const ownerOf = (seen: Observation, address: string): string | undefined => {
  const sources = address.includes(':') ? 'source6' : 'source4'
  for (const { key } of seenElements(seen, sources).values())
    if (key[1] === address) return seen.link(undefined, String(key[0]))?.alias?.replace(/^natspace:/, '')
  return undefined
}

const portTaken = (
  { space, publish }: PublishedBy,
  other: Publish,
  target: string,
  owner: string | undefined,
): NatspaceError =>
  new NatspaceError({
    code: 'PORT_TAKEN',
    exit: 2,
    what: `cannot publish ${formatPublish(publish)} for ${space}`,
    why: `${rangeText(other)} is published already, for ${owner === undefined ? target : `the space ${owner} (${target})`}`,
    evidence: [`table inet natspace: ${rangeText(other)} leads to ${target}`],
    fix: [
      'choose another port of the host',
      ...(owner === undefined
        ? []
        : [`or take it away there: natspace unpublish ${owner} ${rangeText(other)}`]),
    ],
  })

/** The host's side of a published port: `127.0.0.1:53/udp` */
const rangeText = (publish: Publish): string => formatPublish({ ...publish, port: publish.hostPort })

/** Inside addresses of all spaces in the table, whether or not their cable is there now. */
export const knownAddresses = (seen: Observation): Taken[] =>
  [...seenElements(seen, 'source4').values()].map(({ key }) => ({
    prefix: `${key[1]}/32`,
    why: `inside address behind ${key[0]}`,
  }))
