import { SystemError } from '../../linux/sys/errno.ts'
import type { Facts } from './facts.ts'

/** A process that lives in the namespace, as far as /proc tells (proc(5)). */
export type Inhabitant = {
  id: number
  command: string
  /** Effective user and group. */
  user: number
  group: number
  /** CapEff. */
  capabilities: bigint
  /** Its control group in the unified hierarchy: `/system.slice/web.service`. */
  controlGroup: string
}

/** Read once for each examination. */
const known = new WeakMap<Facts, Inhabitant[]>()

/** The processes of a namespace; those that may not be looked into are left out. Equivalent to: `ip netns pids NAME` */
export const inhabitantsOf = (facts: Facts): Inhabitant[] => {
  const found = known.get(facts) ?? readInhabitants(facts)
  known.set(facts, found)
  return found
}

const readInhabitants = (facts: Facts): Inhabitant[] => {
  const { kernel, subject } = facts
  const own = kernel.namespaceIdentity(subject.path)
  if (own === undefined) return []
  return (kernel.readFolder('/proc') ?? [])
    .filter(name => /^\d+$/.test(name) && identityOf(facts, name) === own)
    .flatMap(name => inhabitant(facts, name) ?? [])
}

const identityOf = ({ kernel }: Facts, id: string): string | undefined =>
  unlessGone(() => kernel.namespaceIdentity(`/proc/${id}/ns/net`))

const inhabitant = ({ kernel }: Facts, id: string): Inhabitant | undefined => {
  const read = (name: string) => unlessGone(() => kernel.readFile(`/proc/${id}/${name}`)) ?? ''
  const status = read('status')
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? ''
  if (status === '') return undefined
  return {
    id: Number(id),
    command: field('Name'),
    user: Number(field('Uid').split(/\s+/)[1]),
    group: Number(field('Gid').split(/\s+/)[1]),
    capabilities: BigInt(`0x${field('CapEff') || '0'}`),
    controlGroup: /^0::(.*)$/m.exec(read('cgroup'))?.[1] ?? '',
  }
}

/** A process may end at any moment, and that of another user may not be looked into. */
export const unlessGone = <T>(read: () => T | undefined): T | undefined => {
  try {
    return read()
  } catch (error) {
    if (error instanceof SystemError) return undefined
    throw error
  }
}
