/** `natspace trace --predict` on a whole host: what was predicted beside what happened. */
import { type TraceEndLine, type TraceRun, tracesOnNewHost } from './trace.ts'

type Header = { source: string; sourcePort?: number; destination: string; destinationPort?: number }

export type PredictedEnd = {
  outcome: 'delivered' | 'dropped' | 'unknown'
  at: TraceEndLine['at']
  reason: string
  evidence: string[]
  doubts: {
    rule: string
    expression: string
    chain: string
    ifApplies: string | null
    ifNot: string | null
  }[]
  notes: string[]
  unseen: string[]
  points: { point: string; interface: string; request: Header | null; reply: Header | null }[]
}

export type PredictedRun = Omit<TraceRun, 'end'> & {
  end: TraceEndLine & { predicted: PredictedEnd; agrees: boolean | null; differences: string[] }
}

/** What is done to the host, what is asked there, and how the host becomes as before. */
export type Case = { name: string; set?: string; to: string; undo?: string }

/** Asks all on one host, one after another; each is predicted and probed. */
export const predictedOnNewHost = (cases: readonly Case[], options = ''): PredictedRun[] => {
  const script = cases
    .map(({ set = '', to, undo = '' }) => `${set}\ntrace --predict --timeout 0.3 --to ${to}\n${undo}`)
    .join('\n')
  return tracesOnNewHost(script, options) as PredictedRun[]
}

/** Rules for nft, which go again by `nft delete table inet mine`. */
export const rules = (text: string, where = ''): Pick<Case, 'set' | 'undo'> => ({
  set: `${where} nft -f - <<'END'\ntable inet mine {\n${text}\n}\nEND`,
  undo: `${where} nft delete table inet mine`,
})
