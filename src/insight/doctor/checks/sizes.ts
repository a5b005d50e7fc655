import type { Facts } from '../facts.ts'
import { type CheckResult, resultOf } from '../finding.ts'
import { ipInside } from '../subject.ts'

/** Largest packets along the way: a cable that carries more than the way out makes large packets vanish. */
export const checkSizes = (facts: Facts): CheckResult => {
  const { cable, router, destination, seen, subject, uplink } = facts
  const { inner, host } = cable
  if (inner === undefined || host === undefined) return resultOf([])
  const out = facts.route(undefined, { destination: destination.address })
  const link = uplink === undefined ? undefined : seen.link(undefined, uplink)
  const isOutside = out.found && out.type === 'unicast' && link !== undefined && link.index !== router?.index
  const findings = []
  if (isOutside && link.mtu < inner.mtu)
    findings.push({
      code: 'MTU-EGRESS' as const,
      what: `${inner.name} inside sends up to ${inner.mtu} bytes, and ${link.name} carries ${link.mtu}`,
      evidence: [`MTU of ${inner.name}: ${inner.mtu}`, `MTU of ${link.name}: ${link.mtu}`],
      fix: {
        commands: [
          `ip link set ${host.name} mtu ${link.mtu}`,
          ipInside(subject, `link set ${inner.name} mtu ${link.mtu}`),
        ],
        undo: [
          `ip link set ${host.name} mtu ${host.mtu}`,
          ipInside(subject, `link set ${inner.name} mtu ${inner.mtu}`),
        ],
      },
    })
  if (host.mtu < inner.mtu)
    findings.push({
      code: 'MTU-INGRESS' as const,
      what: `${host.name} carries ${host.mtu} bytes, and ${inner.name} inside ${inner.mtu}`,
      evidence: [`MTU of ${host.name}: ${host.mtu}`, `MTU of ${inner.name}: ${inner.mtu}`],
      fix: {
        commands: [`ip link set ${host.name} mtu ${inner.mtu}`],
        undo: [`ip link set ${host.name} mtu ${host.mtu}`],
      },
    })
  return resultOf(findings, `the sizes of packets fit: ${inner.mtu} bytes`)
}
