/**
 * What a runtime asks for, by the engine that every command has: ADD is `up`, DEL is `down`, CHECK is whether there is a
 * difference, GC is `down` of what is not valid any more and then `gc`. Each returns what stdout gets, or undefined.
 */

import { capability, lackingCapabilities } from '../linux/sys/process.ts'
import { NatspaceError } from '../space/errors.ts'
import { down } from '../space/reconcile/down.ts'
import { differencesOf } from '../space/reconcile/drift.ts'
import { gc as collect } from '../space/reconcile/gc.ts'
import { Observation } from '../space/reconcile/observation.ts'
import type { Context, Warning } from '../space/reconcile/types.ts'
import { planUp, upAsChosen } from '../space/reconcile/up.ts'
import { innerAddresses } from '../space/spec/endpoints.ts'
import { readSpaceRecord, type SpaceRecord } from '../space/state/records.ts'
import { baseSpec, isOf, recordsOf, refuseSecond, spaceNameOf, withAddresses } from './attachment.ts'
import { type Header, parseConfiguration, parseValidAttachments } from './configuration.ts'
import { askedOf, attachmentOf, heldNamespaceOf, identityOf, namespaceOf } from './container.ts'
import { type CniCommand, isCniName, type Request } from './environment.ts'
import { CniError, cniCode, cniErrorOf } from './error.ts'
import { badField, type Fields } from './fields.ts'
import { delegateIn } from './ipam.ts'
import { mergeResults, parsePrevious, placeInside } from './previous.ts'
import { addResult } from './result.ts'

/** How long to wait for the lock, in milliseconds; and who hears what is no error and has no place in a result. */
export type Options = { lockPatience?: number; tell: (warnings: readonly Warning[]) => void }

/** Makes the attachment. Throws CniError; everything is as before then. */
export const add = async (context: Context, request: Request, header: Header, options: Options) => {
  const previous = parsePrevious(header.fields)
  const identity = identityOf(header, request.endpoint)
  const place = previous && placeInside(previous, identity.interface)
  if (previous === undefined || place === undefined) {
    const result = await addOwn(context, request, header, options)
    return previous === undefined ? result : mergeResults(previous, result)
  }
  // Of use in a chain alone.
  const { addBehind } = await import('./behind.ts')
  return await addBehind(context, request, header, options, { ...previous, place })
}

/** Makes an interface of natspace's own. */
const addOwn = async (context: Context, request: Request, header: Header, options: Options) => {
  const identity = identityOf(header, request.endpoint)
  const configuration = parseConfiguration(header, askedOf(request))
  const name = spaceNameOf(identity)
  const unleased = baseSpec(configuration, name, identity.interface)
  const namespacePath = heldNamespaceOf(context, request)
  const { delegate } = configuration.ipam
  // Of use where another plugin gives the addresses alone.
  const delegation = delegate === undefined ? undefined : await import('./delegate.ts')
  if (delegation !== undefined) refuseSecond(context, identity)
  const lease = delegate === undefined ? undefined : delegation?.leaseOf(request, header, delegate)
  const dns = { ...lease?.dns, ...configuration.dns }
  const leased = lease === undefined ? configuration : { ...configuration, ...lease, dns }
  const attachment = attachmentOf(identity, namespacePath, request, configuration)
  const choose = (seen: Observation) => {
    refuseSecond(context, identity)
    const base = lease === undefined ? unleased : baseSpec(leased, name, identity.interface)
    return [{ ...withAddresses(context, base, identity.network, leased, seen), attachment }]
  }
  const { plan } = await upAsChosen(context, choose, options).catch(error => {
    throw delegate === undefined ? error : delegation?.afterRelease(error, request, header, delegate)
  })
  options.tell(plan.warnings)
  const [space] = plan.spaces
  if (space === undefined) throw new Error('one spec gave no space')
  return addResult(header.version, space, dns, leased.ipam)
}

/** Takes the attachment away, whatever is left of it; nothing is left of one that is gone. Throws CniError 100. */
export const del = async (context: Context, request: Request, header: Header, options: Options) => {
  const identity = identityOf(header, request.endpoint)
  const name = spaceNameOf(identity)
  const record = readSpaceRecord(context.kernel, context.paths, name)
  if (record !== undefined && !isOf(record, identity)) return
  // Wherever the path leads meanwhile; that it leads nowhere any more is no error.
  if (record !== undefined) context.kernel.holdNamespace(record.space.namespacePath)
  await removeAll(context, [name], options)
  // Given back when nothing bears it any more.
  await forward('DEL', request, header)
}

/** Has the plugin that gives the addresses do its part, where there is one. Throws CniError. */
const forward = async (command: CniCommand, request: Request, header: Header): Promise<void> => {
  const delegate = delegateIn(header.fields.get('ipam'))
  if (delegate === undefined) return
  const { askDelegate } = await import('./delegate.ts')
  askDelegate(command, request, header, delegate)
}

const removeAll = async (context: Context, names: readonly string[], options: Options): Promise<void> => {
  const { problems, warnings } = await down(context, names, options)
  options.tell(warnings)
  throwFirst(problems)
}

const throwFirst = (problems: readonly NatspaceError[]): void => {
  const [first, ...others] = problems
  if (first === undefined) return
  const { message, details } = cniErrorOf(first)
  throw new CniError(cniCode.failed, message, [details, ...others.map(error => error.message)].join('; '))
}

/** Whether all of an attachment is as ADD made it. Throws CniError 103, 104 with what differs. */
export const check = async (context: Context, request: Request, header: Header): Promise<void> => {
  const identity = identityOf(header, request.endpoint)
  const previous = header.fields.object('prevResult')
  if (previous === undefined) throw badField('prevResult', undefined, 'CHECK needs the result of ADD')
  const path = namespaceOf(context, request)
  const record = readSpaceRecord(context.kernel, context.paths, spaceNameOf(identity))
  parseConfiguration(header, askedOf(request, record?.space.behind !== undefined))
  if (record === undefined || !isOf(record, identity))
    throw new CniError(
      cniCode.notAttached,
      `${identity.container} has no interface ${identity.interface} in ${identity.network}`,
      'natspace has no record of it',
    )
  const found = [...differences(context, record, path), ...unlike(previous, record)]
  if (found.length > 0)
    throw new CniError(cniCode.differs, 'the attachment is not as it was made', found.join('; '))
  await forward('CHECK', request, header)
}

/** Everything that is compared is compared in the namespace that the runtime names now. */
const differences = (context: Context, record: SpaceRecord, path: string): string[] => {
  const here = { ...record, space: { ...record.space, namespacePath: path } }
  const { shared, spaces } = differencesOf(context, new Observation(context.kernel), [here])
  const { own = [], lacking = [] } = spaces.get(record.space.name) ?? {}
  return [...shared, ...own, ...lacking]
    .filter(({ step }) => step !== 'record')
    .map(({ resource, expected, found }) => `${resource}: expected ${expected}, found ${found}`)
}

/** What the result that the runtime kept says, and is not so. */
const unlike = (previous: Fields, { space }: SpaceRecord): string[] => {
  const addresses = previous.objects('ips').map(item => item.text('address'))
  return innerAddresses(space)
    .map(({ address, prefixLength }) => `${address}/${prefixLength}`)
    .filter(wanted => !addresses.includes(wanted))
    .map(wanted => `prevResult: expected ${wanted}, found ${addresses.join(', ')}`)
}

/** Takes away what the runtime does not know any more of this network, and what is left over. Throws CniError 100. */
export const gc = async (
  context: Context,
  request: Request,
  header: Header,
  options: Options,
): Promise<void> => {
  const valid = parseValidAttachments(header)
  for (const [index, { container }] of valid.entries())
    if (!isCniName(container))
      throw badField(
        `cni.dev/valid-attachments[${index}].containerID`,
        container,
        'no container has this name',
      )
  const { network } = header
  const gone = recordsOf(context, network).filter(
    record => !valid.some(endpoint => isOf(record, { network, ...endpoint })),
  )
  if (gone.length > 0)
    await removeAll(
      context,
      gone.map(({ space }) => space.name),
      options,
    )
  const { problems, warnings } = await collect(context, options)
  options.tell(warnings)
  throwFirst(problems)
  await forward('GC', request, header)
}

const capabilityNames = new Map<number, string>([
  [capability.netAdmin, 'CAP_NET_ADMIN'],
  [capability.sysAdmin, 'CAP_SYS_ADMIN'],
])

/**
 * Whether an ADD could succeed: privilege, a free address, an uplink, a kernel that answers. Throws CniError 50; 51 where
 * containers of the network are not as they were made either.
 */
export const status = async (
  context: Context,
  request: Request,
  header: Header,
  { tell }: Options,
): Promise<void> => {
  const lacking = lackingCapabilities([...capabilityNames.keys()]).map(bit => capabilityNames.get(bit))
  if (lacking.length > 0)
    throw new CniError(
      cniCode.notAvailable,
      'natspace may not change networks',
      `lacks ${lacking.join(', ')}`,
    )
  const configuration = parseConfiguration(header)
  const base = baseSpec(configuration, 'cni-status', 'eth0')
  try {
    tell(planUp(context, [withAddresses(context, base, header.network, configuration)]).warnings)
    await forward('STATUS', request, header)
  } catch (error) {
    if (!(error instanceof CniError || error instanceof NatspaceError)) throw error
    const { message, details, code } = cniErrorOf(error)
    if (code === cniCode.configuration || code === cniCode.unsupportedField) throw error
    const harmed = harmedBy(context, header.network)
    if (harmed.length === 0) throw new CniError(cniCode.notAvailable, message, details)
    throw new CniError(
      cniCode.limitedConnectivity,
      message,
      [details, ...harmed.slice(0, mostHarmed)].join('; '),
    )
  }
}

/** So many containers are named. */
const mostHarmed = 5

/** Containers of a network that lack something, and what each lacks first. */
const harmedBy = (context: Context, network: string): string[] => {
  const records = recordsOf(context, network)
  if (records.length === 0) return []
  const { shared, spaces } = differencesOf(context, new Observation(context.kernel), records)
  return records.flatMap(({ space }) => {
    const { own = [], lacking = [] } = spaces.get(space.name) ?? {}
    const [first] = [...lacking, ...own, ...shared]
    return first === undefined
      ? []
      : [
          `${space.attachment?.container}: ${first.resource}: expected ${first.expected}, found ${first.found}`,
        ]
  })
}
