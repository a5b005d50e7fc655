import type { PlanReport } from '../../../src/server/protocol.ts'

type Operation = PlanReport['operations'][number]

/** Operations that follow each other and are one step of one space: told once, with all their commands. */
export type Group = {
  first: number
  last: number
  step: Operation['step']
  space: string | null
  commands: string[]
}

/** The operations in their order, as groups. Pure. */
export function groupsOf(operations: readonly Operation[]): Group[] {
  const groups: Group[] = []
  for (const { number, step, space, commands } of operations) {
    const last = groups.at(-1)
    if (last !== undefined && last.step.name === step.name && last.space === space) {
      last.last = number
      last.commands.push(...commands)
    } else groups.push({ first: number, last: number, step, space, commands: [...commands] })
  }
  return groups
}
