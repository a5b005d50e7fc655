import { type FaultCode, faultOf } from './catalogue.ts'

/** What a finding says, as plain data: the texts that are the same for all of a code stand in the catalogue. */
export type Finding = {
  code: FaultCode
  /** Where it is not that of the code: what is only worth knowing elsewhere may be wrong here. */
  severity?: 'error' | 'warning' | 'notice'
  /** One sentence with the values of this case. */
  what: string
  /** What was seen that bears it out: a link, a route, a setting, a rule, a packet. */
  evidence: string[]
  fix: Fix
}

/** Commands for sh that mend it, and those that take that back; both empty where no command can. */
export type Fix = { commands: string[]; undo: string[] }

/** What one check came to. */
export type CheckResult = {
  /** What was looked at and is as it should be, a line each. */
  fine: string[]
  findings: Finding[]
  /** What could not be looked at, and why. */
  unchecked: string[]
}

export const noFix: Fix = { commands: [], undo: [] }

/** A result of findings alone, or of one line when there are none. */
export const resultOf = (findings: readonly (Finding | undefined)[], fine?: string): CheckResult => {
  const found = findings.filter(finding => finding !== undefined)
  return { findings: found, fine: found.length > 0 || fine === undefined ? [] : [fine], unchecked: [] }
}

export const nothing: CheckResult = { fine: [], findings: [], unchecked: [] }

/** Several results as one, in order. */
export const together = (results: readonly CheckResult[]): CheckResult => ({
  fine: results.flatMap(({ fine }) => fine),
  findings: results.flatMap(({ findings }) => findings),
  unchecked: results.flatMap(({ unchecked }) => unchecked),
})

/** How grave a finding is. */
export const severityOf = (finding: Finding): 'error' | 'warning' | 'notice' =>
  finding.severity ?? faultOf(finding.code).severity
