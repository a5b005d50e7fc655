import { prefixContains } from '../../../linux/net/prefix.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, resultOf } from '../finding.ts'
import { inhabitantsOf, unlessGone } from '../processes.ts'

/**
 * Limits of systemd on the services whose processes live in the namespace: IPAddressDeny= is a program on the control group,
 * which the packets of others, such as the doctor's, do not meet.
 */
export const checkServices = (facts: Facts): CheckResult => {
  const { destination } = facts
  const units = new Set(inhabitantsOf(facts).flatMap(({ controlGroup }) => unitOf(controlGroup) ?? []))
  return resultOf(
    [...units].flatMap((unit): Finding[] => {
      const lines = settingsOf(facts, unit)
      const values = (key: string) =>
        lines.filter(line => line.key === key).flatMap(({ value }) => value.split(/\s+/))
      const meets = (value: string) => isMet(value, destination.address, destination.family)
      const denies = values('IPAddressDeny').filter(meets)
      if (denies.length === 0 || values('IPAddressAllow').some(meets)) return []
      return [
        {
          code: 'FW-CGROUP',
          what: `${unit}, whose processes are in the namespace, may not exchange packets with ${destination.address}`,
          evidence: lines
            .filter(({ key }) => key.startsWith('IPAddress'))
            .map(({ file, key, value }) => `${file}: ${key}=${value}`),
          fix: noFix,
        },
      ]
    }),
  )
}

/** The service or scope of a control group, the innermost. */
const unitOf = (path: string): string | undefined =>
  path
    .split('/')
    .filter(part => /\.(service|scope)$/.test(part))
    .at(-1)

const folders = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/run/systemd/transient',
  '/usr/lib/systemd/system',
]

type Setting = { file: string; key: string; value: string }

/** Settings of a unit and its drop-ins; an empty value takes back what was said before. */
const settingsOf = (facts: Facts, unit: string): Setting[] => {
  const { kernel } = facts
  const files = [
    folders.map(folder => `${folder}/${unit}`).find(file => kernel.fileStatus(file) !== undefined),
    ...folders.flatMap(folder =>
      (kernel.readFolder(`${folder}/${unit}.d`) ?? [])
        .filter(name => name.endsWith('.conf'))
        .map(name => `${folder}/${unit}.d/${name}`),
    ),
  ].flatMap(file => file ?? [])
  const found: Setting[] = []
  for (const file of files)
    for (const line of (unlessGone(() => facts.seen.file(file)) ?? '').split('\n')) {
      const [, key, value] = /^\s*(IPAddress(?:Deny|Allow))\s*=\s*(.*?)\s*$/.exec(line) ?? []
      if (key === undefined || value === undefined) continue
      if (value === '') found.splice(0, found.length, ...found.filter(item => item.key !== key))
      else found.push({ file, key, value })
    }
  return found
}

/** The words of systemd.resource-control(5). */
const words: Readonly<Record<string, readonly string[]>> = {
  any: ['0.0.0.0/0', '::/0'],
  localhost: ['127.0.0.0/8', '::1/128'],
  'link-local': ['169.254.0.0/16', 'fe80::/64'],
  multicast: ['224.0.0.0/4', 'ff00::/8'],
}

const isMet = (value: string, address: string, family: 4 | 6): boolean =>
  (words[value] ?? [value]).some(
    prefix => prefix.includes(':') === (family === 6) && prefixContains(prefix, address),
  )
