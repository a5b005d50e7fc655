import { type Change, ChangeError, type Outcome } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'

/** What a call that only looks belongs to; everything else of the kernel's is 'others'. */
const looks: Readonly<Record<string, string>> = {
  links: 'links read',
  addresses: 'links read',
  routes: 'links read',
  rules: 'links read',
  neighbours: 'links read',
  queueingDisciplines: 'links read',
  lookUpRoute: 'links read',
  namespaceId: 'links read',
  listeners: 'sockets read',
  ruleset: 'ruleset read',
  rulesetGeneration: 'ruleset read',
  flows: 'flows read',
  sysctl: 'settings read',
  sysctlNames: 'settings read',
  readFile: 'files read',
  readFolder: 'files read',
  fileStatus: 'files read',
  namespaceNames: 'namespaces read',
  namespaceState: 'namespaces read',
  namespaceIdentity: 'namespaces read',
  holdNamespace: 'namespaces read',
  tryLock: 'lock',
  programOutput: 'programs',
}

const changeStages: Readonly<Record<string, string>> = {
  file: 'records written',
  directory: 'records written',
  namespace: 'namespace changed',
  mount: 'namespace changed',
  nftables: 'ruleset changed',
  sysctl: 'settings changed',
  conntrack: 'flows changed',
  program: 'programs',
}

/** The stage that a change belongs to; what is not named here goes by rtnetlink. Pure. */
export const stageOfChange = ({ type }: Change): string =>
  changeStages[type.slice(0, type.indexOf('.'))] ?? 'links changed'

/** Changes in order, cut where the stage changes. Pure. */
export const byStage = (changes: readonly Change[]): { stage: string; changes: Change[] }[] => {
  const runs: { stage: string; changes: Change[] }[] = []
  for (const change of changes) {
    const stage = stageOfChange(change)
    const last = runs.at(-1)
    if (last?.stage === stage) last.changes.push(change)
    else runs.push({ stage, changes: [change] })
  }
  return runs
}

type Callable = (...values: unknown[]) => unknown

/**
 * Tells the stages of a kernel's calls. Between two calls our own code runs: `comparing` until something is changed, and
 * from then on `verifying`, as is everything that is read then.
 */
export class KernelStages {
  readonly #did: (stage: string) => void
  #hasChanged = false

  constructor(did: (stage: string) => void) {
    this.#did = did
  }

  /** The same kernel, each call of which is told. */
  watched(kernel: Kernel): Kernel {
    return new Proxy(kernel, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        if (name === 'change') return (changes: readonly Change[]) => this.#change(target, changes)
        const call: Callable = value.bind(target)
        return typeof name === 'symbol' ? call : (...values: unknown[]) => this.#look(name, call, values)
      },
    })
  }

  #look(name: string, call: Callable, values: readonly unknown[]): unknown {
    this.#did(this.#hasChanged ? 'verifying' : 'comparing')
    try {
      return call(...values)
    } finally {
      this.#did(this.#hasChanged ? 'verifying' : (looks[name] ?? 'others'))
    }
  }

  /** As the kernel itself does, changes after one that failed are not tried. */
  #change(kernel: Kernel, changes: readonly Change[]): Outcome[] {
    this.#did(this.#hasChanged ? 'verifying' : 'comparing')
    const outcomes: Outcome[] = []
    for (const run of byStage(changes)) {
      outcomes.push(...kernel.change(run.changes))
      if (run.stage !== 'records written') this.#hasChanged = true
      this.#did(run.stage)
      if (outcomes.some(outcome => outcome instanceof ChangeError)) break
    }
    while (outcomes.length < changes.length) outcomes.push('not-tried')
    return outcomes
  }
}
