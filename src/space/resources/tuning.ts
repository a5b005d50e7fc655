import type { Link } from '../../linux/rtnetlink/link.ts'
import { aliasOf } from '../marks.ts'
import type { Observation } from '../reconcile/observation.ts'
import type { Drift, Operation } from '../reconcile/operation.ts'
import type { LinkTuning, ResolvedSpace, Tuning } from '../spec/types.ts'
import type { Before } from '../state/records.ts'
import type { Resource } from './resource.ts'

type Key = keyof LinkTuning

/** How each reads, and how it is told. */
const aspects = {
  mtu: { read: link => link.mtu, text: 'MTU' },
  address: { read: link => link.address, text: 'address' },
  promiscuous: { read: link => link.promiscuous === true, text: 'promiscuous' },
  allMulticast: { read: link => link.allMulticast === true, text: 'all multicast' },
  queueLength: { read: link => link.queueLength ?? 0, text: 'queue length' },
} as const satisfies Record<Key, { read: (link: Link) => number | string | boolean; text: string }>

/** What is asked of the interface. */
export const linkTuningOf = ({ mtu, mac, promiscuous, allMulticast, queueLength }: Tuning): LinkTuning => ({
  ...(mtu === undefined ? {} : { mtu }),
  ...(mac === undefined ? {} : { address: mac }),
  ...(promiscuous === undefined ? {} : { promiscuous }),
  ...(allMulticast === undefined ? {} : { allMulticast }),
  ...(queueLength === undefined ? {} : { queueLength }),
})

const keysOf = (tuning: LinkTuning): Key[] => Object.keys(tuning) as Key[]

/** What the interface has now of what is to be changed. */
export const linkTuningNow = (link: Link, wanted: LinkTuning): LinkTuning =>
  Object.fromEntries(keysOf(wanted).map(key => [key, aspects[key].read(link)]))

/** Of `values` what the interface does not have. */
const without = (link: Link, values: LinkTuning): LinkTuning =>
  Object.fromEntries(
    keysOf(values)
      .filter(key => aspects[key].read(link) !== values[key])
      .map(key => [key, values[key]]),
  )

/**
 * Settings inside that somebody asked for, in two parts: of the namespace, before there is a cable, as what is set for
 * all interfaces must not undo what the cable needs; and of the interface. The namespace is the runtime's and may outlive
 * the space, so what was before is noted (`Before`) and comes back with the space, as far as nobody has changed it since;
 * what ends with the namespace or the cable needs nothing.
 * Equivalent to: `ip netns exec NAME sysctl -w KEY=VALUE` and `ip -n NAME link set dev INNER …`
 */
export const tuningResource = (
  part: 'namespace' | 'interface',
  space: ResolvedSpace,
  before: Before | undefined,
  owner: string,
): Resource => {
  const { name, namespacePath: where, interface: inner, tuning = {} } = space
  const id = `tuning of ${part === 'namespace' ? `the namespace of ${name}` : name}`
  const common = { step: 'cable', space: name } as const
  const wanted = part === 'namespace' ? {} : linkTuningOf(tuning)
  const isPart = ([key]: [string, string]) => isOfInterface(key, inner) === (part === 'interface')
  const sysctls = Object.entries(tuning.sysctls ?? {}).filter(isPart)
  return {
    id,
    ...common,
    phase: 'cable',
    drift(seen) {
      const link = seen.link(where, inner)
      // A cable that is missing says so itself, and so does a namespace.
      if (link === undefined) return []
      const differs = (expected: string, found: string): Drift => ({
        resource: id,
        ...common,
        expected,
        found,
      })
      const missing = without(link, wanted)
      return [
        ...keysOf(missing).map(key =>
          differs(
            `${aspects[key].text} ${missing[key]} on ${inner}`,
            `${aspects[key].text} ${aspects[key].read(link)}`,
          ),
        ),
        ...sysctls.flatMap(([key, value]) => {
          const found = seen.sysctl(where, key)
          return sameValue(found, value)
            ? []
            : [differs(`${key} = ${value}`, `${key} = ${found ?? 'missing'}`)]
        }),
      ]
    },
    add(seen, planner) {
      const fresh = part === 'interface' && planner.creates(where, inner)
      const link = fresh ? undefined : seen.link(where, inner)
      const index = planner.index(where, inner)
      const { address: _, ...others } = wanted
      // A new cable is born with its address.
      const missing = link === undefined ? others : without(link, wanted)
      const end = { type: 'link.set', where, name: inner, index: index ?? 0 } as const
      return [
        ...(index === undefined || keysOf(missing).length === 0
          ? []
          : [
              {
                change: { ...end, ...missing },
                undo: link === undefined ? [] : [{ ...end, ...linkTuningNow(link, missing) }],
                ...common,
              },
            ]),
        ...sysctls.flatMap(([key, value]): Operation[] => {
          const found = seen.sysctl(where, key)
          if (!fresh && sameValue(found, value)) return []
          return [
            {
              change: { type: 'sysctl.set', where, key, value },
              undo: found === undefined ? [] : [{ type: 'sysctl.set', where, key, value: found }],
              ...common,
            },
          ]
        }),
      ]
    },
    remove(seen) {
      const link = seen.link(where, inner)
      if (before?.namespace === undefined || link === undefined) return []
      if (!isSameNamespace(seen, space, before, link, aliasOf(name, owner))) return []
      const changed = Object.entries(before.sysctls ?? {}).filter(([key, value]) => {
        if (!isPart([key, value])) return false
        const found = seen.sysctl(where, key)
        return !sameValue(found, value) && sameValue(found, tuning.sysctls?.[key])
      })
      const old = Object.fromEntries(
        keysOf(before.link ?? {})
          .filter(key => aspects[key].read(link) === wanted[key])
          .map(key => [key, before.link?.[key]]),
      )
      const back = without(link, old)
      return [
        ...(keysOf(back).length === 0
          ? []
          : [
              {
                change: { type: 'link.set', where, name: inner, index: link.index, ...back } as const,
                undo: [],
                ...common,
              },
            ]),
        ...changed.map(
          ([key, value]): Operation => ({
            change: { type: 'sysctl.set', where, key, value },
            undo: [],
            ...common,
          }),
        ),
      ]
    },
  }
}

/** Whether a setting is that of the interface alone. */
const isOfInterface = (key: string, inner: string): boolean =>
  key.split('.').includes(inner.replaceAll('.', '/'))

/** The kernel writes several numbers of one setting with tabs between. */
const sameValue = (one: string | undefined, other: string | undefined): boolean =>
  one !== undefined && other !== undefined && words(one) === words(other)

const words = (text: string): string => text.trim().split(/\s+/).join(' ')

/**
 * Whether the path still leads to the namespace that was changed: nothing of another container is touched that has the
 * path by now. Its number alone may have been given again, so our cable has to be in it too, or the same interface.
 */
const isSameNamespace = (
  seen: Observation,
  { namespacePath, behind }: ResolvedSpace,
  before: Before,
  link: Link,
  alias: string,
): boolean =>
  seen.kernel.namespaceIdentity(namespacePath) === before.namespace &&
  (behind === undefined ? link.alias === alias : link.index === before.index)
