import type { Change } from '../../linux/change.ts'
import { interfaceSysctl } from '../../linux/sysctl.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { HostRecord } from '../state/records.ts'
import type { Resource } from './resource.ts'

const key = 'net.ipv4.ip_forward'

/**
 * Step 7: forwarding. Writing the switch changes every interface's own switch and a few others along with it, so what
 * was before is noted and put back when the last space goes, as long as the value is still the one set here. While it
 * is natspace that turned it on, the guard in our table keeps the links that were there before from being routed
 * between. `resumed`: what was to be put back may be put back in part. Equivalent to: `sysctl -w net.ipv4.ip_forward=1`
 */
export const forwardingResource = (record: HostRecord['forwarding'], resumed = false): Resource => {
  const id = 'forwarding'
  return {
    id,
    step: 'forwarding',
    phase: 'forwarding',
    space: undefined,
    drift(seen) {
      const found = seen.sysctl(undefined, key)
      if (found === '1') return []
      return [
        {
          resource: id,
          step: 'forwarding',
          space: undefined,
          expected: `${key} = 1`,
          found: `${key} = ${found ?? 'missing'}`,
        },
      ]
    },
    add(seen) {
      if (seen.sysctl(undefined, key) === '1') return []
      return [
        {
          change: { type: 'sysctl.set', where: undefined, key, value: '1' },
          undo: restore(forwardingBefore(seen)),
          step: 'forwarding',
          space: undefined,
        },
      ]
    },
    remove(seen) {
      if (record === undefined) return []
      // Off already: somebody else's doing, or our own, and then what the kernel overwrote is still to be put back.
      const isOff = seen.sysctl(undefined, key) !== '1'
      if (isOff && !resumed) return []
      const present = Object.entries(record.before).filter(
        ([name]) =>
          seen.sysctl(undefined, name) !== undefined &&
          (!isOff || name === key || seen.sysctl(undefined, name) === valueAfterTurningOff(name)),
      )
      const changes = restore(Object.fromEntries(present))
      return (isOff ? changes.filter(change => change.key !== key) : changes).map(change => ({
        change,
        undo: [],
        step: 'forwarding',
        space: undefined,
      }))
    },
  }
}

/**
 * The values that turning forwarding on will overwrite (inet_forward_change of the kernel): the switch itself, the
 * default for new interfaces, `all.accept_redirects`, and the interfaces whose own switch was on already.
 */
export const forwardingBefore = (seen: Observation): Record<string, string> => {
  const before: Record<string, string> = { [key]: seen.sysctl(undefined, key) ?? '0' }
  const note = (name: string) => {
    const value = seen.sysctl(undefined, name)
    if (value !== undefined) before[name] = value
  }
  note('net.ipv4.conf.all.accept_redirects')
  note('net.ipv4.conf.default.forwarding')
  for (const link of seen.links(undefined).values()) {
    const name = interfaceSysctl('ipv4', link.name, 'forwarding')
    if (seen.sysctl(undefined, name) === '1') before[name] = '1'
  }
  return before
}

type SysctlSet = Extract<Change, { type: 'sysctl.set' }>

/** The switch first, as it overwrites the others. */
const restore = (before: Record<string, string>): SysctlSet[] => {
  const { [key]: first = '0', ...others } = before
  const rest = Object.entries(others).filter(([name, value]) => value !== valueAfterTurningOff(name))
  return [[key, first] as const, ...rest].map(([name, value]) => ({
    type: 'sysctl.set',
    where: undefined,
    key: name,
    value,
  }))
}

/** What the kernel itself sets the others to when the switch goes to 0. */
const valueAfterTurningOff = (name: string): string => (name.endsWith('accept_redirects') ? '1' : '0')
