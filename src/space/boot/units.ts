/**
 * Theory of operation. A file below /etc/natspace says which spaces there should be, and an instance of a template unit
 * of systemd brings them up at boot. A firewall that starts again or reloads may take rules of others along. To restart
 * the spaces with it would break every connection and leave the programs inside in a namespace that nobody knows any
 * more; so what is part of the firewalls is a second unit, which only adds what is missing.
 */

import { execWord } from './exec-word.ts'

/** The first line of every file that natspace enable writes: what lacks it belongs to somebody else. */
export const fileMark = '# Written by natspace enable; natspace disable takes it away.'

/** Firewalls that may flush the rules of others when they start, stop or reload. */
export const firewallUnits = ['nftables.service', 'firewalld.service'] as const

/** Others whose rules must be there before natspace looks at them. */
const earlierUnits = ['ufw.service', 'netfilter-persistent.service', 'docker.service'] as const

export const unitNames = {
  spaces: 'natspace@.service',
  rules: 'natspace-rules@.service',
  watch: 'natspace-watch.service',
} as const

/** `natspace@web.service` of `natspace@.service` */
export const instanceOf = (template: string, name: string): string => template.replace('@', `@${name}`)

export type UnitSource = {
  /** The command that starts natspace: an absolute path, and what must follow it. */
  command: readonly string[]
  /** Folders that enable had to make, for disable to take away. */
  madeFolders: readonly string[]
}

/**
 * What a process that makes namespaces can do without. Everything that gives a service mounts of its own
 * (ProtectSystem=, PrivateTmp= and their like) must stay out: the namespaces would be pinned where nobody sees them.
 */
const hardening = [
  'PrivateMounts=no',
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_BROADCAST CAP_NET_RAW CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER',
  'RestrictAddressFamilies=AF_NETLINK AF_UNIX AF_INET AF_INET6 AF_PACKET',
  'RestrictNamespaces=net mnt',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=~@clock @cpu-emulation @module @obsolete @raw-io @reboot @swap',
]

const after = (...first: readonly string[]): string =>
  `After=${[...first, ...firewallUnits, ...earlierUnits].join(' ')}`

const serviceOf = ({ command }: UnitSource, ...words: readonly string[]): string =>
  [...command.map((word, index) => execWord(word, index > 0)), ...words].join(' ')

/** The file of an instance, in systemd's words. */
const specFile = '/etc/natspace/%i.yaml'

/** Brings the spaces of a file up, and takes them down. */
export const spacesUnit = (source: UnitSource): string =>
  unitText(source, {
    Unit: [
      'Description=natspace: the spaces of /etc/natspace/%i.yaml',
      `AssertPathExists=${specFile}`,
      'Wants=network-online.target',
      after('network-online.target'),
      `ReloadPropagatedFrom=${firewallUnits.join(' ')}`,
    ],
    Service: [
      'Type=oneshot',
      'RemainAfterExit=yes',
      `ExecStart=${serviceOf(source, 'up', '--quiet', '-f', specFile)}`,
      `ExecReload=${serviceOf(source, 'up', '--quiet', '-f', specFile)}`,
      `ExecStop=${serviceOf(source, 'down', '--quiet', '-f', specFile)}`,
      'TimeoutSec=120',
      ...hardening,
    ],
    Install: ['WantedBy=multi-user.target'],
  })

/** Brings back what a firewall took along: a second `up`, which adds what is missing and touches nothing else. */
export const rulesUnit = (source: UnitSource): string =>
  unitText(source, {
    Unit: [
      'Description=natspace: rules of %i, after a firewall has started again',
      `Requisite=${instanceOf(unitNames.spaces, '%i')}`,
      after(instanceOf(unitNames.spaces, '%i')),
      `PartOf=${firewallUnits.join(' ')}`,
    ],
    Service: [
      'Type=oneshot',
      'RemainAfterExit=yes',
      `ExecStart=${serviceOf(source, 'up', '--quiet', '-f', specFile)}`,
      'TimeoutSec=120',
      ...hardening,
    ],
    Install: [`WantedBy=${firewallUnits.join(' ')}`],
  })

/** Watches all spaces, and repairs what others take away. */
export const watchUnit = (source: UnitSource): string =>
  unitText(source, {
    Unit: [
      'Description=natspace: watch spaces, and repair what is taken away',
      after('network-online.target'),
    ],
    Service: [
      `ExecStart=${serviceOf(source, 'watch', '--all')}`,
      // Ends the pauses of spaces that somebody else fights about.
      'ExecReload=kill -HUP $MAINPID',
      'Restart=on-failure',
      'RestartSec=2',
      ...hardening,
      // Added to those above: to hear of what changes inside of spaces.
      'CapabilityBoundingSet=CAP_NET_BROADCAST',
    ],
    Install: ['WantedBy=multi-user.target'],
  })

const unitText = (
  { madeFolders }: UnitSource,
  sections: Readonly<Record<string, readonly string[]>>,
): string => {
  const all = madeFolders.length === 0 ? sections : { ...sections, 'X-Natspace': [foldersLine(madeFolders)] }
  const parts = Object.entries(all).map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`)
  return `${fileMark}\n${parts.join('\n')}`
}

const foldersKey = 'MadeFolders='

const foldersLine = (folders: readonly string[]): string => foldersKey + folders.join(' ')

/** The folders that a unit's text says were made for it. */
export const madeFoldersOf = (unit: string): string[] => {
  const line = unit.split('\n').find(text => text.startsWith(foldersKey))
  return line?.slice(foldersKey.length).split(' ').filter(Boolean) ?? []
}
