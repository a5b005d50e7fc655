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
import type { Context } from '../space/reconcile/types.ts'
import { planUp, upAsChosen } from '../space/reconcile/up.ts'
import { quote } from '../space/spec/quote.ts'
import { readSpaceRecord, type SpaceRecord } from '../space/state/records.ts'
import {
  baseSpec,
  type Identity,
  isOf,
  recordsOf,
  refuseSecond,
  spaceNameOf,
  withAddress,
} from './attachment.ts'
import { type Header, parseConfiguration, parseValidAttachments } from './configuration.ts'
import { type Endpoint, isCniName, type Request } from './environment.ts'
import { CniError, cniCode, cniErrorOf } from './error.ts'
import { badField, type Fields } from './fields.ts'
import { addResult } from './result.ts'

type LockOptions = { lockPatience?: number }

const identityOf = ({ network }: Header, endpoint: Endpoint | undefined): Identity => {
  if (endpoint === undefined) throw new CniError(cniCode.environment, 'CNI_CONTAINERID is missing')
  return { network, ...endpoint }
}

/** The namespace of a request. Throws CniError 4 for a path that is no network namespace, or this host's own. */
const namespaceOf = ({ kernel }: Context, { namespacePath }: Request): string => {
  const refuse = (why: string) =>
    new CniError(cniCode.environment, `cannot use CNI_NETNS ${quote(namespacePath ?? '')}`, why)
  if (namespacePath === undefined) throw refuse('it is missing')
  const state = kernel.namespaceState(namespacePath)
  if (state !== 'present') throw refuse(`it is no network namespace: ${state}`)
  if (kernel.namespaceIdentity(namespacePath) === kernel.namespaceIdentity(undefined))
    throw refuse('it is the network namespace of this host itself')
  return namespacePath
}

/** Makes the attachment. Throws CniError; everything is as before then. */
export const add = async (context: Context, request: Request, header: Header, options: LockOptions) => {
  const identity = identityOf(header, request.endpoint)
  const configuration = parseConfiguration(header, request.arguments.get('IP'))
  if (header.fields.get('prevResult') !== undefined)
    throw badField('prevResult', {}, 'natspace makes the interface, so it must be the first of the list')
  const base = baseSpec(configuration, spaceNameOf(identity), identity.interface)
  const namespacePath = namespaceOf(context, request)
  const { network, container } = identity
  const choose = () => {
    refuseSecond(context, identity)
    const spec = withAddress(context, base, configuration.ipam)
    return [{ ...spec, attachment: { network, container, namespacePath } }]
  }
  const { plan } = await upAsChosen(context, choose, options)
  const [space] = plan.spaces
  if (space === undefined) throw new Error('one spec gave no space')
  return addResult(header.version, space, configuration.dns)
}

/** Takes the attachment away, whatever is left of it; nothing is left of one that is gone. Throws CniError 100. */
export const del = async (context: Context, request: Request, header: Header, options: LockOptions) => {
  const identity = identityOf(header, request.endpoint)
  const name = spaceNameOf(identity)
  const record = readSpaceRecord(context.kernel, context.paths, name)
  if (record !== undefined && !isOf(record, identity)) return
  await removeAll(context, [name], options)
}

const removeAll = async (context: Context, names: readonly string[], options: LockOptions): Promise<void> => {
  const { problems } = await down(context, names, options)
  throwFirst(problems)
}

const throwFirst = (problems: readonly NatspaceError[]): void => {
  const [first, ...others] = problems
  if (first === undefined) return
  const { message, details } = cniErrorOf(first)
  throw new CniError(cniCode.failed, message, [details, ...others.map(error => error.message)].join('; '))
}

/** Whether all of an attachment is as ADD made it. Throws CniError 103, 104 with what differs. */
export const check = (context: Context, request: Request, header: Header): void => {
  const identity = identityOf(header, request.endpoint)
  parseConfiguration(header, request.arguments.get('IP'))
  const previous = header.fields.object('prevResult')
  if (previous === undefined) throw badField('prevResult', undefined, 'CHECK needs the result of ADD')
  const path = namespaceOf(context, request)
  const record = readSpaceRecord(context.kernel, context.paths, spaceNameOf(identity))
  if (record === undefined || !isOf(record, identity))
    throw new CniError(
      cniCode.notAttached,
      `${identity.container} has no interface ${identity.interface} in ${identity.network}`,
      'natspace has no record of it',
    )
  const found = [...differences(context, record, path), ...unlike(previous, record)]
  if (found.length > 0)
    throw new CniError(cniCode.differs, 'the attachment is not as it was made', found.join('; '))
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
  const wanted = `${space.address}/${space.prefixLength}`
  const addresses = previous.objects('ips').map(item => item.text('address'))
  return addresses.includes(wanted) ? [] : [`prevResult: expected ${wanted}, found ${addresses.join(', ')}`]
}

/** Takes away what the runtime does not know any more of this network, and what is left over. Throws CniError 100. */
export const gc = async (context: Context, header: Header, options: LockOptions): Promise<void> => {
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
  const { problems } = await collect(context, options)
  throwFirst(problems)
}

const capabilityNames = new Map<number, string>([
  [capability.netAdmin, 'CAP_NET_ADMIN'],
  [capability.sysAdmin, 'CAP_SYS_ADMIN'],
])

/** Whether an ADD could succeed: privilege, a free address, an uplink, a kernel that answers. Throws CniError 50. */
export const status = (context: Context, header: Header): void => {
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
    planUp(context, [withAddress(context, base, configuration.ipam)])
  } catch (error) {
    if (!(error instanceof CniError || error instanceof NatspaceError)) throw error
    const { message, details, code } = cniErrorOf(error)
    if (code === cniCode.configuration || code === cniCode.unsupportedField) throw error
    throw new CniError(cniCode.notAvailable, message, details)
  }
}
