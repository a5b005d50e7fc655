import { type Diagnosis, type DiagnosisOptions, diagnose } from '../../insight/doctor/diagnose.ts'
import type { Destination } from '../../insight/doctor/facts.ts'
import { findingObjects } from '../../insight/doctor/finding-object.ts'
import { isForbidden } from '../../insight/doctor/refusal.ts'
import type { Context } from '../../space/reconcile/types.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import type { DoctorReport } from '../protocol.ts'

/** What `natspace doctor NAME` tells. Without the privilege to trace, what is read without it. Throws as `diagnose`. */
export const doctorReport = async (
  context: Context,
  space: ResolvedSpace,
  to: Destination | undefined,
): Promise<DoctorReport> => {
  const diagnosis = await examine(context, space, {
    ...(to === undefined ? {} : { to }),
    pause: turnOfOthers,
  })
  const { fine, unchecked } = diagnosis
  return { space: space.name, findings: findingObjects(diagnosis), fine, unchecked }
}

const examine = async (
  { kernel, paths }: Context,
  space: ResolvedSpace,
  options: DiagnosisOptions,
): Promise<Diagnosis> => {
  const subject = { name: space.name, path: space.namespacePath, space }
  try {
    return await diagnose(kernel, paths, subject, options)
  } catch (error) {
    if (!isForbidden(error)) throw error
    return diagnose(kernel, paths, subject, { ...options, isPassive: true })
  }
}

/** Never ends a probe. */
const turnOfOthers = (): Promise<boolean> => new Promise(resolve => setImmediate(() => resolve(false)))
