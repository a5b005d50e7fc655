/** Everything about a kind of fault that is the same for every case of it. */
export type Fault = {
  /**
   * `error`: packets are lost or go astray; `warning`: something else is wrong, or will be; `note`: worth knowing, and no
   * reason to call a namespace ill.
   */
  severity: 'error' | 'warning' | 'notice'
  title: string
  /** Why it matters. */
  why: string
  /** What mends it, in general. */
  remedy: string
  /** What of the kernel tells it. */
  detection: string
  /** Codes of which this one is a consequence: it is hidden behind them. */
  dependsOn: readonly string[]
}

export const fault = (
  severity: Fault['severity'],
  title: string,
  why: string,
  remedy: string,
  detection: string,
  dependsOn: readonly string[] = [],
): Fault => ({ severity, title, why, remedy, detection, dependsOn })
