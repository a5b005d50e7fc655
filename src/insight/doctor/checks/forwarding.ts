import { interfaceSysctl } from '../../../linux/sysctl.ts'
import { readHostRecord } from '../../../space/state/records.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, resultOf } from '../finding.ts'

/** Settings without which the kernel passes nothing on. */
export const checkForwarding = (facts: Facts): CheckResult => {
  // Nor is it this host that forwards where the cable ends elsewhere.
  if (facts.cable.inner !== undefined && facts.router === undefined) return resultOf([])
  // What is for the host itself is not forwarded.
  const own = facts.route(undefined, { destination: facts.destination.address })
  if (own.found && own.type === 'local') return resultOf([])
  return facts.destination.family === 4 ? checkIpv4(facts) : checkIpv6(facts)
}

const off = (code: Finding['code'], key: string, evidence: string[], what: string): Finding => ({
  code,
  what,
  evidence,
  fix: { commands: [`sysctl -w ${key}=1`], undo: [`sysctl -w ${key}=0`] },
})

/** Links by which packets of the flow come in: each has a switch. */
const incoming = ({ router, uplink }: Facts): string[] => [
  ...new Set([...(router === undefined ? [] : [router.name]), ...(uplink === undefined ? [] : [uplink])]),
]

const checkIpv4 = (facts: Facts): CheckResult => {
  const general = 'net.ipv4.ip_forward'
  const isOff = facts.sysctl(undefined, general) === '0'
  const switches = incoming(facts).filter(
    name => facts.sysctl(undefined, interfaceSysctl('ipv4', name, 'forwarding')) === '0',
  )
  if (isOff && switches.length > 0) {
    const wasOn =
      facts.subject.space !== undefined && readHostRecord(facts.kernel, facts.paths)?.forwarding !== undefined
    return resultOf([
      wasOn
        ? off(
            'SYS-FWD-RESET',
            general,
            [
              `${general} = 0`,
              'natspace had set it to 1 (record of the host)',
              ...settingFiles(facts, general),
            ],
            'somebody switched forwarding off again',
          )
        : off('SYS-FWD0', general, [`${general} = 0`], 'this host does not forward'),
    ])
  }
  return resultOf(
    switches.map(name => {
      const key = interfaceSysctl('ipv4', name, 'forwarding')
      return off(
        'SYS-FWD-IF0',
        key,
        [`${key} = 0`, `${general} = 1`],
        `what comes in by ${name} is not forwarded`,
      )
    }),
    'this host forwards IPv4',
  )
}

const checkIpv6 = (facts: Facts): CheckResult => {
  const all = interfaceSysctl('ipv6', 'all', 'forwarding')
  if (facts.sysctl(undefined, all) !== '0') return resultOf([], 'this host forwards IPv6')
  const without = incoming(facts).filter(
    name => facts.sysctl(undefined, interfaceSysctl('ipv6', name, 'force_forwarding')) !== '1',
  )
  if (without.length === 0) return resultOf([], 'the links of the way forward IPv6')
  const wasOn =
    facts.subject.space !== undefined && readHostRecord(facts.kernel, facts.paths)?.forwarding6 !== undefined
  const forced = without.map(name => interfaceSysctl('ipv6', name, 'force_forwarding'))
  const has = forced.every(key => facts.sysctl(undefined, key) !== undefined)
  return resultOf([
    {
      code: wasOn ? 'SYS-FWD-RESET' : 'SYS-V6FWD0',
      what: wasOn ? 'somebody switched the forwarding of IPv6 off again' : 'this host does not forward IPv6',
      evidence: [`${all} = 0`, ...forced.map(key => `${key} = ${facts.sysctl(undefined, key) ?? 'missing'}`)],
      fix: has
        ? { commands: forced.map(key => `sysctl -w ${key}=1`), undo: forced.map(key => `sysctl -w ${key}=0`) }
        : { commands: [`sysctl -w ${all}=1`], undo: [`sysctl -w ${all}=0`] },
    },
  ])
}

const folders = ['/etc/sysctl.d', '/run/sysctl.d', '/usr/lib/sysctl.d']

/** Files that set it at boot, and whenever somebody loads them again. */
const settingFiles = ({ kernel, seen }: Facts, key: string): string[] => {
  const slashed = key.replaceAll('.', '/')
  const files = [
    '/etc/sysctl.conf',
    ...folders.flatMap(folder => (kernel.readFolder(folder) ?? []).map(name => `${folder}/${name}`)),
  ]
  return files
    .filter(file => file.endsWith('.conf'))
    .flatMap(file =>
      (readable(() => seen.file(file)) ?? '')
        .split('\n')
        .filter(line => {
          const name = line.split('=')[0]?.trim().replace(/^-/, '')
          return name === key || name === slashed
        })
        .map(line => `${file}: ${line.trim()}`),
    )
}

const readable = (read: () => string | undefined): string | undefined => {
  try {
    return read()
  } catch {
    // A file that this user may not read gives no evidence.
    return undefined
  }
}
