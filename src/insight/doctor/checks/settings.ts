import type { Facts } from '../facts.ts'
import { type CheckResult, nothing, resultOf } from '../finding.ts'

/** Whether this host ignores echoes on purpose: then only ping fails. To be looked at where this host gave no answer. */
export const checkEcho = (facts: Facts): CheckResult => {
  const { destination } = facts
  const own = facts.route(undefined, { destination: destination.address })
  if (destination.protocol !== 'icmp' || !own.found || own.type !== 'local') return nothing
  const key = destination.family === 4 ? 'net.ipv4.icmp_echo_ignore_all' : 'net.ipv6.icmp.echo_ignore_all'
  if (facts.sysctl(undefined, key) !== '1') return nothing
  return resultOf([
    {
      code: 'SYS-PING',
      what: `this host answers no echo: only ping fails`,
      evidence: [`${key} = 1`],
      fix: { commands: [`sysctl -w ${key}=0`], undo: [`sysctl -w ${key}=1`] },
    },
  ])
}

/** Frames between two ports of a bridge that go through iptables. To be looked at where no answer came. */
export const checkBridgeFilter = (facts: Facts): CheckResult => {
  const key =
    facts.destination.family === 4
      ? 'net.bridge.bridge-nf-call-iptables'
      : 'net.bridge.bridge-nf-call-ip6tables'
  const { bridge } = facts.cable
  if (bridge === undefined || facts.sysctl(undefined, key) !== '1') return nothing
  // What is routed passes the chains once in any case.
  const to = facts.route(undefined, { destination: facts.destination.address })
  if (!to.found || to.device?.index !== bridge.index || to.type !== 'unicast') return nothing
  return resultOf([
    {
      code: 'SYS-BRNF',
      what: `frames that ${bridge.name} passes between its ports go through iptables`,
      evidence: [`${key} = 1`],
      fix: { commands: [`sysctl -w ${key}=0`], undo: [`sysctl -w ${key}=1`] },
    },
  ])
}
