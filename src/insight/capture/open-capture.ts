import type { Kernel } from '../../linux/kernel.ts'
import { CaptureError } from '../../linux/packet/index.ts'
import { NatspaceError } from '../../space/errors.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { PointMissing } from './points.ts'
import { SpaceCapture, type SpaceCaptureOptions } from './space-capture.ts'

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
