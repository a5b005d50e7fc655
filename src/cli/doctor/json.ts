import { faultOf } from '../../insight/doctor/catalogue.ts'
import type { Diagnosis } from '../../insight/doctor/diagnose.ts'
import { type Finding as Found, severityOf } from '../../insight/doctor/finding.ts'
import type { Finding } from '../output.ts'
import type { Fixed } from './fix.ts'

/** The findings of --json, the root causes first; notices behind them. */
export const findingObjects = ({ causes, notes }: Diagnosis): Finding[] => [
  ...causes.map(cause => findingObject(cause, cause.hides)),
  ...notes.map(note => findingObject(note, [])),
]

const findingObject = (finding: Found, hides: readonly Found[]): Finding => {
  const { title, why } = faultOf(finding.code)
  return {
    code: finding.code,
    severity: severityOf(finding),
    title: `${title}: ${finding.what}`,
    evidence: finding.evidence,
    why,
    fix: finding.fix,
    hides: hides.map(({ code }) => code),
  }
}

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
