/** Which finding is the cause, and which follow from it. Pure. */
import type { DoctorReport } from '../../../src/server/protocol.ts'

export type Finding = DoctorReport['findings'][number]
export type Cause = { finding: Finding; consequences: Finding[] }

/**
 * The findings as causes with their consequences: `hides` names the codes that go with a finding. One that nobody hides is
 * a cause. Two that hide each other are both told, as neither may be lost. Causes stay in the server's order, the root
 * cause first.
 */
export function nested(findings: readonly Finding[]): Cause[] {
  const hiddenBy = (finding: Finding): number =>
    findings.findIndex(other => other !== finding && other.hides.includes(finding.code))
  const roots = new Set<Finding>()
  for (const finding of findings) {
    const seen = new Set<Finding>()
    let at = finding
    for (let by = hiddenBy(at); by >= 0 && !seen.has(at); by = hiddenBy(at)) {
      seen.add(at)
      at = findings[by] ?? at
    }
    // A ring of findings that hide each other has no root: each of it stands for itself.
    if (seen.has(at)) roots.add(finding)
    else if (at === finding) roots.add(finding)
  }
  const causes = findings
    .filter(finding => roots.has(finding))
    .map((finding): Cause => ({ finding, consequences: [] }))
  for (const finding of findings) {
    if (roots.has(finding)) continue
    const direct = causes.find(cause => cause.finding.hides.includes(finding.code))
    const above =
      direct ?? causes.find(cause => cause.consequences.some(({ hides }) => hides.includes(finding.code)))
    ;(above ?? causes[0])?.consequences.push(finding)
  }
  return causes
}
