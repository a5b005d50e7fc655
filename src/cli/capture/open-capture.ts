import { type AddedPoint, PointMissing } from '../../insight/capture/points.ts'
import { SpaceCapture, type SpaceCaptureOptions } from '../../insight/capture/space-capture.ts'
import type { Kernel } from '../../linux/kernel.ts'
import { CaptureError } from '../../linux/packet/index.ts'
import { NatspaceError } from '../../space/errors.ts'
import { namespacePath } from '../../space/spec/names.ts'
import { quote } from '../../space/spec/quote.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { usageError } from '../options.ts'

/**
 * The point that `--at [NAMESPACE:]INTERFACE` names: the namespace by its name, as ip-netns(8) knows it, or by its path. No
 * interface has a colon in its name. Throws NatspaceError (exit 2).
 */
export const addedPoint = (text: string): AddedPoint => {
  const colon = text.lastIndexOf(':')
  const name = text.slice(colon + 1)
  const namespace = colon < 0 ? undefined : text.slice(0, colon)
  const isPath = namespace?.startsWith('/')
  if (name === '' || namespace === '' || (!isPath && namespace?.includes('/')))
    throw usageError(
      'BAD_CAPTURE_POINT',
      `Cannot use --at ${quote(text)}`,
      'it takes the name of an interface, or that of a namespace, a colon, and an interface',
      ['write --at eth1, or --at web:eth0'],
    )
  if (namespace === undefined) return { where: undefined, interface: name }
  return isPath
    ? { where: namespace, interface: name }
    : { where: namespacePath(namespace), place: namespace, interface: name }
}

/** Opens a capture at all points of a space. Throws NatspaceError, and what `SpaceCapture.open` throws. */
export const openCapture = (
  kernel: Kernel,
  space: ResolvedSpace,
  settings: SpaceCaptureOptions,
): SpaceCapture => {
  try {
    return SpaceCapture.open(kernel, space, settings)
  } catch (error) {
    const facts = {
      code: 'NO_CAPTURE_POINT',
      exit: 1 as const,
      what: `cannot capture at ${space.name}`,
      cause: error,
    }
    if (error instanceof CaptureError)
      throw new NatspaceError({
        ...facts,
        why: `an interface cannot be captured at: ${error.reason}`,
        fix: ['leave out its --at'],
      })
    if (!(error instanceof PointMissing)) throw error
    const { role, interface: missing } = error
    const evidence = [`missing: ${missing}`]
    if (role === 'beside' || role === 'beyond')
      throw new NatspaceError({
        ...facts,
        why: 'an interface that --at names is not there',
        evidence,
        fix: ['ip link shows those of this host, and ip -n NAMESPACE link those of a namespace'],
      })
    throw new NatspaceError({
      ...facts,
      why: `the ${role === 'inner' ? 'inner' : 'host'} end of its cable is not there`,
      evidence,
      fix: [`natspace status ${space.name} shows what else is missing, and how to repair it`],
    })
  }
}
