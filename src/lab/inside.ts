import { readFileSync } from 'node:fs'
import type { Kernel } from '../linux/kernel.ts'
import type { Link } from '../linux/rtnetlink/link.ts'
import { mountFileSystem } from '../linux/sys/namespace.ts'
import { NatspaceError } from '../space/errors.ts'
import { currentOrigin, type Origin } from './start.ts'

/**
 * Links that the kernel itself puts into every new network namespace when their modules are loaded on the machine
 * (net.core.fb_tunnels_only_for_init_net). They are born down and lead nowhere.
 */
const bornWithNamespace =
  /^(?:lo|tunl0|sit0|gre0|gretap0|erspan0|ip_vti0|ip6_vti0|ip6tnl0|ip6gre0|ip6gretap0|ip6erspan0|teql0)$/

/** What shows that a process is not where the lab may work; [] when nothing does. Pure. */
export const whyNotInside = (facts: {
  parent: Origin
  own: Origin
  links: readonly Pick<Link, 'name' | 'up'>[]
  /** /proc/self/mountinfo. */
  mounts: string
}): string[] => {
  const { parent, own, links, mounts } = facts
  const strangers = links.filter(
    link => !bornWithNamespace.test(link.name) || (link.up && link.name !== 'lo'),
  )
  // The optional fields stand between the sixth field and a lone '-': proc_pid_mountinfo(5).
  const shared = mounts.split('\n').filter(line => / shared:\d+ (?:\S+ )*?- /.test(line))
  return [
    ...(own.net === parent.net ? [`the network namespace is that of the parent, ${own.net}`] : []),
    ...(own.mnt === parent.mnt ? [`the mount namespace is that of the parent, ${own.mnt}`] : []),
    ...strangers.map(
      link => `the network namespace is not new: it has the link ${JSON.stringify(link.name)}`,
    ),
    ...(shared.length > 0 ? [`mounts made here would be seen elsewhere: ${shared[0]}`] : []),
  ]
}

/**
 * Proves that this process is in namespaces of its own, and gives it a /run of its own: what the lab pins and notes
 * there is seen nowhere else. Throws NatspaceError LAB_NOT_INSIDE before anything is changed.
 */
export const settleInside = (kernel: Kernel, parent: Origin): void => {
  const reasons = whyNotInside({
    parent,
    own: currentOrigin(),
    links: kernel.links(undefined),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
  })
  if (reasons.length > 0)
    throw new NatspaceError({
      code: 'LAB_NOT_INSIDE',
      exit: 1,
      what: 'refusing to build the lab',
      why: 'this process is not in new namespaces of its own, and the lab must not touch any others',
      evidence: reasons,
      fix: ['start it as: natspace lab run'],
    })
  mountFileSystem('tmpfs', '/run', 'mode=755')
}
