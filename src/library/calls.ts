import { down as downSpaces } from '../space/reconcile/down.ts'
import { gc as collect, type GcResult } from '../space/reconcile/gc.ts'
import { statusWatched } from '../space/reconcile/status.ts'
import type { DownResult, Plan, SpaceStatus } from '../space/reconcile/types.ts'
import { planUp, up as upSpaces } from '../space/reconcile/up.ts'
import { recordedNames } from '../space/state/records.ts'
import { checkedName, checkedNames } from './arguments.ts'
import { recordedSpace } from './recorded-space.ts'
import { Space } from './space.ts'
import { readSpecs, type SpaceOptions } from './specs.ts'
import { lockOptions, type Surroundings, withContext, withPrivilege } from './surroundings.ts'

/**
 * Brings a space up, whole or not at all; one that is right already is left as it is. Throws NatspaceError.
 * Equivalent to: `natspace up NAME …`
 */
export const up = async (options: SpaceOptions = {}, surroundings: Surroundings = {}): Promise<Space> => {
  const [space] = await upAll([options], surroundings)
  if (space === undefined) throw new Error('one spec gave no space')
  return space
}

/** Brings spaces up, all or none, faster than one after the other. Throws NatspaceError. Equivalent to: `natspace up -f FILE` */
export const upAll = async (
  options: readonly SpaceOptions[],
  surroundings: Surroundings = {},
): Promise<Space[]> => {
  const specs = await readSpecs(options)
  const { plan } = await withPrivilege('cannot bring up a space', surroundings, context =>
    upSpaces(context, specs, lockOptions(surroundings)),
  )
  return plan.spaces.map(space => new Space(space, surroundings))
}

/** A space that is up already, whoever brought it up. Throws NatspaceError BAD_NAME, NOT_FOUND. */
export const open = async (name: string, surroundings: Surroundings = {}): Promise<Space> => {
  const checked = checkedName(name)
  return await withContext(surroundings, context => new Space(recordedSpace(context, checked), surroundings))
}

/** The names of the spaces that are up. Equivalent to: `natspace ls`, its first column */
export const list = (surroundings: Surroundings = {}): Promise<string[]> =>
  withContext(surroundings, ({ kernel, paths }) => recordedNames(kernel, paths))

/**
 * Takes spaces down, from any state they are in, and goes on after a failure: `problems` of the result are what could not be
 * removed. Equivalent to: `natspace down NAME…`
 */
export const down = async (
  names: string | readonly string[],
  surroundings: Surroundings = {},
): Promise<DownResult> => {
  const checked = checkedNames(names)
  return await withPrivilege('cannot take down a space', surroundings, context =>
    downSpaces(context, checked, lockOptions(surroundings)),
  )
}

/** What `up` would do, as data; changes nothing. Throws NatspaceError. Equivalent to: `natspace plan NAME … --json` */
export const plan = async (
  options: SpaceOptions | readonly SpaceOptions[],
  surroundings: Surroundings = {},
): Promise<Plan> => {
  const specs = await readSpecs([options].flat() as SpaceOptions[])
  return await withContext(surroundings, context => planUp(context, specs))
}

/** All spaces, or those named, as they are now. Throws NatspaceError NOT_FOUND. Equivalent to: `natspace status --json` */
export const status = async (
  names?: string | readonly string[],
  surroundings: Surroundings = {},
): Promise<SpaceStatus[]> => {
  const checked = names === undefined ? undefined : checkedNames(names)
  return await withContext(surroundings, context => statusWatched(context, checked))
}

/** Removes what is left of spaces that nobody knows any more. Equivalent to: `natspace gc` */
export const gc = (surroundings: Surroundings = {}): Promise<GcResult> =>
  withPrivilege('cannot remove what is left of spaces', surroundings, context =>
    collect(context, lockOptions(surroundings)),
  )
