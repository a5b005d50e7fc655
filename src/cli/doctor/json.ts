import type { Diagnosis } from '../../insight/doctor/diagnose.ts'
import type { Fixed } from './fix.ts'

/** What was examined, what of it is fine, and what --fix did. */
export const diagnosisData = (
  { subject, destination, fine, unchecked, story }: Diagnosis,
  fixed: readonly Fixed[],
) => ({
  name: subject.name,
  namespace: subject.path,
  isSpace: subject.space !== undefined,
  destination,
  fine,
  unchecked,
  probe: story === undefined ? null : { outcome: story.end.outcome, reason: story.end.reason },
  fixed,
})
