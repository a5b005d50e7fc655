import type { Change } from './change.ts'

/** Changes that rtnetlink takes: those for one namespace that follow each other go to the kernel in one send. */
export type RouteChanges = Extract<
  Change,
  {
    type:
      | 'veth.add'
      | 'link.set'
      | 'link.delete'
      | 'address.add'
      | 'address.delete'
      | 'route.add'
      | 'route.delete'
      | 'qdisc.replace'
      | 'qdisc.delete'
  }
>

const routeChanges = new Set<Change['type']>([
  'veth.add',
  'link.set',
  'link.delete',
  'address.add',
  'address.delete',
  'route.add',
  'route.delete',
  'qdisc.replace',
  'qdisc.delete',
])

export const isRouteChange = (change: Change | undefined): change is RouteChanges =>
  change !== undefined && routeChanges.has(change.type)

const isDeletion = (change: Change | undefined): boolean => change?.type === 'link.delete'

/**
 * Where the run of rtnetlink changes for one namespace that starts here ends; other changes stand alone. Deletions of
 * several links are a run of their own, as the kernel can do all of them at once.
 */
export const endOfGroup = (changes: readonly Change[], start: number): number => {
  const first = changes[start]
  let end = start + 1
  if (!isRouteChange(first)) return end
  const begins = (at: number): boolean => isDeletion(changes[at]) && isDeletion(changes[at + 1])
  const onlyDeletions = begins(start)
  for (let next = changes[end]; isRouteChange(next) && next.where === first.where; next = changes[end]) {
    if (onlyDeletions ? !isDeletion(next) : begins(end)) break
    end++
  }
  return end
}
