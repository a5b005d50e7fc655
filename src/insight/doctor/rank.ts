import { faultCodes, faultOf } from './catalogue.ts'
import { type Finding, severityOf } from './finding.ts'

/** A finding that has to be mended, and those that are only its consequence. */
export type Cause = Finding & { hides: Finding[] }

/** What was found, in the order in which it has to be mended. */
export type Ranked = { causes: Cause[]; notes: Finding[] }

/**
 * Puts findings into the order of the catalogue, and hides what follows from another: by `dependsOn`, where a name that
 * ends in a hyphen stands for all codes that begin so. Notes are no causes, and hide nothing. Pure.
 */
export const rank = (findings: readonly Finding[]): Ranked => {
  const ordered = distinct(findings).toSorted((a, b) => placeOf(a) - placeOf(b))
  const serious = ordered.filter(finding => severityOf(finding) !== 'notice')
  const parentOf = (finding: Finding): Finding | undefined =>
    serious.find(other => other.code !== finding.code && follows(finding, other))
  const rootOf = (finding: Finding): Finding => {
    const way = [finding]
    for (let next = parentOf(finding); next !== undefined; next = parentOf(next)) {
      // Of those that follow from each other the first has to be mended first.
      if (way.includes(next)) return earliest(way.slice(way.indexOf(next)))
      way.push(next)
    }
    return way.at(-1) as Finding
  }
  const roots = serious.filter(finding => rootOf(finding) === finding)
  return {
    causes: roots.map(root => ({
      ...root,
      hides: serious.filter(finding => finding !== root && rootOf(finding) === root),
    })),
    notes: ordered.filter(finding => severityOf(finding) === 'notice'),
  }
}

const placeOf = ({ code }: Finding): number => faultCodes.indexOf(code)

const earliest = (findings: readonly Finding[]): Finding =>
  findings.toSorted((a, b) => placeOf(a) - placeOf(b))[0] as Finding

const follows = (finding: Finding, other: Finding): boolean =>
  faultOf(finding.code).dependsOn.some(name =>
    name.endsWith('-') ? other.code.startsWith(name) : other.code === name,
  )

/** Several checks may meet the same thing. */
const distinct = (findings: readonly Finding[]): Finding[] =>
  findings.filter(
    (finding, place) =>
      findings.findIndex(item => item.code === finding.code && item.what === finding.what) === place,
  )
