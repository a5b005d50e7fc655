import { faultOf } from './catalogue.ts'
import type { Diagnosis } from './diagnose.ts'
import { type Finding, severityOf } from './finding.ts'

/** A finding as the command prints it with --json. */
export type FindingObject = {
  code: string
  severity: 'error' | 'warning' | 'notice'
  title: string
  evidence: string[]
  why: string
  fix: { commands: string[]; undo: string[] }
  hides: string[]
}

/** The findings of --json, the root causes first; notices behind them. Pure. */
export const findingObjects = ({ causes, notes }: Pick<Diagnosis, 'causes' | 'notes'>): FindingObject[] => [
  ...causes.map(cause => findingObject(cause, cause.hides)),
  ...notes.map(note => findingObject(note, [])),
]

const findingObject = (finding: Finding, hides: readonly Finding[]): FindingObject => {
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
