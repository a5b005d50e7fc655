import { bridgePorts, portState } from '../../../linux/rtnetlink/bridge-port.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, noFix, nothing, resultOf } from '../finding.ts'

/** The port of the bridge that the cable ends at: does it pass frames on? */
export const checkBridgePort = (facts: Facts): CheckResult => {
  const { bridge, host } = facts.cable
  if (bridge === undefined || host === undefined) return nothing
  const ports = bridgePorts(undefined)
  const port = ports.find(({ index }) => index === host.index)
  if (port === undefined) return nothing
  const stateName = Object.entries(portState).find(([, number]) => number === port.state)?.[0]
  if (port.state !== portState.forwarding)
    return resultOf([
      {
        code: 'LNK-BRPORT',
        what: `${host.name}, the port of ${bridge.name}, is ${stateName ?? `in the state ${port.state}`}`,
        evidence: [`bridge -d link: ${host.name} state ${stateName ?? port.state}`],
        fix: {
          commands: [`bridge link set dev ${host.name} state ${portState.forwarding}`],
          undo: [`bridge link set dev ${host.name} state ${port.state}`],
        },
      },
    ])
  // Between two isolated ports nothing passes; the bridge itself is none.
  const to = facts.route(undefined, { destination: facts.destination.address })
  const isNeighbour = to.found && to.type === 'unicast' && to.device?.index === bridge.index
  const masters = new Map(facts.links(undefined).map(({ index, master }) => [index, master]))
  const others = ports.filter(({ index }) => index !== port.index && masters.get(index) === bridge.index)
  return isNeighbour && port.isolated && others.length > 0 && others.every(({ isolated }) => isolated)
    ? resultOf([
        {
          code: 'LNK-BRPORT',
          what: `${host.name} and all other ports of ${bridge.name} are isolated from each other`,
          evidence: [`bridge -d link: ${host.name} isolated on`],
          fix: {
            commands: [`bridge link set dev ${host.name} isolated off`],
            undo: [`bridge link set dev ${host.name} isolated on`],
          },
        },
      ])
    : resultOf([], `the port of ${bridge.name} forwards`)
}

/** Programs of the host that manage links: what they say of the cable, where something of it is missing. */
export const checkManagers = (facts: Facts, isMissing: boolean): CheckResult => {
  const { host } = facts.cable
  if (host === undefined) return nothing
  const managed = (file: string, sign: RegExp) => {
    const text = facts.seen.file(file) ?? ''
    return sign.test(text) ? text.split('\n').filter(line => sign.test(line)) : undefined
  }
  const severity = isMissing ? {} : { severity: 'notice' as const }
  const nm = `/run/NetworkManager/devices/${host.index}`
  const manager = managed(nm, /^\s*managed\s*=\s*(true|1|yes)\b/m)
  const networkd = `/run/systemd/netif/links/${host.index}`
  const isForeign = /^ADMIN_STATE=unmanaged$/m.test(facts.seen.file(networkd) ?? '')
  const file = isForeign ? undefined : managed(networkd, /^NETWORK_FILE=./m)
  return resultOf([
    manager === undefined
      ? undefined
      : {
          code: 'LNK-NM',
          ...severity,
          what: `NetworkManager manages ${host.name}${isMissing ? ', and removes what it did not configure' : ''}`,
          evidence: manager.map(line => `${nm}: ${line.trim()}`),
          fix: {
            commands: [`nmcli device set ${host.name} managed no`],
            undo: [`nmcli device set ${host.name} managed yes`],
          },
        },
    file === undefined
      ? undefined
      : {
          code: 'LNK-NETWORKD',
          ...severity,
          what: `systemd-networkd configures ${host.name}${isMissing ? ', and removes what it did not configure' : ''}`,
          evidence: file.map(line => `${networkd}: ${line.trim()}`),
          fix: noFix,
        },
  ])
}
