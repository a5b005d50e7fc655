import type { WatchReport } from '../../space/watch/report.ts'
import type { Finding } from '../output.ts'
import { culpritText, fightAdvice } from './text.ts'

/** A line of --json. Times are in seconds since 1970, durations in milliseconds. */
export const reportObject = (report: WatchReport): object => {
  const { type, time, ...rest } = report
  const head = { type, time: time / 1000 }
  if (report.type === 'snapshot') {
    const spaces = report.spaces.map(space => ({ ...space, healthy: space.drift.length === 0 }))
    return { ...head, spaces, uplink: report.uplink ?? null }
  }
  if (report.type !== 'event') return { ...head, ...rest }
  switch (report.event) {
    case 'failed': {
      const { code, what, why, evidence, fix } = report.error
      return { ...head, ...rest, error: { code, what, why, evidence, fix } }
    }
    case 'uplink':
      return { ...head, event: report.event, before: report.before ?? null, after: report.after ?? null }
    case 'fight':
      return { ...head, ...rest, finding: fightFinding(report) }
    default:
      return { ...head, ...rest }
  }
}

type Fight = Extract<WatchReport, { event: 'fight' }>

const fightFinding = ({ over, repairs, by, spaces }: Fight): Finding => ({
  code: 'WATCH_FIGHT',
  severity: 'error',
  title: `Another program undoes each repair of ${over}`,
  evidence: [
    `repaired ${repairs} times in a row, for ${spaces.join(', ')}`,
    ...by.map(culprit => `undone by ${culpritText(culprit)}`),
  ],
  why: 'Two programs that each put back what they want would go on for ever, so natspace leaves it for a while.',
  fix: { commands: [fightAdvice(by)], undo: [] },
  hides: [],
})
