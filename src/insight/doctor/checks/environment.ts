import { type MissingFeature, missingFeatures } from '../../../linux/probe.ts'
import { ProgramError } from '../../../linux/program.ts'
import { capability } from '../../../linux/sys/process.ts'
import type { Facts } from '../facts.ts'
import { type CheckResult, type Finding, noFix, nothing, resultOf, severityOf, together } from '../finding.ts'
import { unlessGone } from '../processes.ts'

/** What the kernel certainly lacks of what a connection by a cable with translation needs. */
export type AskMissing = () => MissingFeature[]

/** Asks the kernel by using each feature once, in a namespace that is thrown away. */
export const askMissing: AskMissing = () => missingFeatures(['veth', 'inet', 'masquerade', 'dnat', 'ct'])

/**
 * Why what was found cannot be mended here, or could not be made at all: the kernel, its settings, the container around. To be
 * looked at once something was found.
 */
export const checkEnvironment = (
  facts: Facts,
  findings: readonly Finding[],
  ask: AskMissing,
): CheckResult => {
  const serious = findings.filter(finding => severityOf(finding) !== 'notice')
  return together([
    serious.some(({ code }) => unmade.has(code)) ? checkKernel(facts, ask) : nothing,
    checkSettings(facts, serious),
    checkProgram(facts, serious),
  ])
}

/** What is missing where natspace, or somebody by hand, could not make it. */
const unmade: ReadonlySet<string> = new Set(['LNK-LOST', 'FW-GONE', 'NAT-NONE', 'NAT-OIF'])

const modules = '/lib/modules'

const checkKernel = (facts: Facts, ask: AskMissing): CheckResult => {
  const missing = ask()
  if (missing.length === 0) return nothing
  const release = facts.sysctl(undefined, 'kernel.osrelease') ?? ''
  const installed = facts.kernel.readFolder(modules) ?? []
  const isGone = installed.length > 0 && !installed.includes(release)
  const lacks = missing.map(({ feature, option, evidence }) => `${feature} (${option}): ${evidence}`)
  return resultOf([
    isGone
      ? {
          code: 'ENV-MODGONE',
          what: `the modules of the kernel that runs, ${release}, are not installed any more`,
          evidence: [...lacks, `${modules}: ${installed.join(', ')}`],
          fix: noFix,
        }
      : {
          code: 'ENV-KCONFIG',
          what: `this kernel lacks ${missing.map(({ feature, purpose }) => `${feature} (${purpose})`).join(', ')}`,
          evidence: lacks,
          fix: noFix,
        },
  ])
}

/** Settings that a fix would change, and that cannot be changed from here. */
const checkSettings = (facts: Facts, findings: readonly Finding[]): CheckResult => {
  const asked = findings.flatMap(({ fix, code }) =>
    fix.commands.flatMap(command => {
      const key = /^sysctl -w (\S+?)=/.exec(command)?.[1]
      return key === undefined ? [] : [{ key, code }]
    }),
  )
  if (asked.length === 0) return nothing
  const mount = readOnlyMount(facts)
  if (mount !== undefined && asked.some(({ code }) => code.startsWith('SYS-')))
    return resultOf([
      {
        code: 'ENV-RO-SYS',
        what: `${asked.map(({ key }) => key).join(', ')} cannot be set here: ${mount.point} is mounted read-only`,
        evidence: [`/proc/self/mountinfo: ${mount.line}`],
        fix: noFix,
      },
    ])
  return resultOf(
    asked.flatMap(({ key }): Finding[] => {
      const status = facts.kernel.fileStatus(pathOf(key))
      return status === undefined || (status.mode & 0o222) !== 0
        ? []
        : [
            {
              code: 'ENV-SYSCTLNS',
              what: `${key} can be set in the first network namespace of the machine alone`,
              evidence: [`${pathOf(key)}: mode ${status.mode.toString(8)}`],
              fix: noFix,
            },
          ]
    }),
  )
}

/** The file of a setting: '/' stands for '.' inside a name. */
const pathOf = (key: string): string =>
  `/proc/sys/${key
    .split('.')
    .map(part => part.replaceAll('/', '.'))
    .join('/')}`

/** The mount that /proc/sys is on, where nothing may be written to it. */
const readOnlyMount = ({ kernel }: Facts): { point: string; line: string } | undefined => {
  const lines = (kernel.readFile('/proc/self/mountinfo') ?? '').split('\n')
  const mounts = lines.flatMap(line => {
    const [, , , , point, options = ''] = line.split(' ')
    return point !== undefined && /^\/proc(\/sys(\/net)?)?$/.test(point) ? [{ line, point, options }] : []
  })
  const [innermost] = mounts.toReversed().toSorted((a, b) => b.point.length - a.point.length)
  return innermost?.options.split(',').includes('ro') ? innermost : undefined
}

/** Fixes in nft's language need an nft that can read what is there. */
const checkProgram = ({ kernel }: Facts, findings: readonly Finding[]): CheckResult => {
  if (!findings.some(({ fix }) => fix.commands.some(command => /^nft\b/.test(command)))) return nothing
  try {
    kernel.programOutput('nft', ['-j', 'list', 'ruleset'])
    return nothing
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error
    return resultOf([
      {
        code: 'ENV-NFT-OLD',
        what:
          error.code === 'ENOENT'
            ? 'nft is not installed, in whose language the fix is'
            : 'the nft of this host cannot read the rules that are there',
        evidence: [error.message],
        fix: noFix,
      },
    ])
  }
}

/**
 * Why a namespace may not be entered: no privilege; or privilege that a filter of system calls, or the security module, takes
 * away again.
 */
export const accessFindings = (facts: Facts, fix: Finding['fix']): Finding[] => {
  const { kernel, subject } = facts
  const status = kernel.readFile('/proc/self/status') ?? ''
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0'
  const held = BigInt(`0x${field('CapEff')}`)
  const isCapable = ((held >> BigInt(capability.sysAdmin)) & 1n) === 1n
  const isFirst = /^\s*0\s+0\s+4294967295\s*$/m.test(kernel.readFile('/proc/self/uid_map') ?? '')
  const label = (unlessGone(() => kernel.readFile('/proc/self/attr/current')) ?? '').trim()
  const what = `${subject.path} may not be entered`
  const evidence = ['setns: EPERM', `CapEff: ${field('CapEff')}`]
  if (isCapable && isFirst && field('Seccomp') === '2')
    return [
      {
        code: 'ENV-SECCOMP',
        what: `${what}: a filter of system calls refuses it`,
        evidence: [...evidence, 'Seccomp: 2'],
        fix: noFix,
      },
    ]
  if (isCapable && !isFirst && /^unprivileged_userns\b/.test(label))
    return [
      {
        code: 'ENV-USERNS-AA',
        what: `${what}: AppArmor takes the privilege of user namespaces away`,
        evidence: [...evidence, `/proc/self/attr/current: ${label}`],
        fix: noFix,
      },
    ]
  // Who has the privilege already gains none by sudo.
  const remedy = isCapable ? noFix : fix
  return [{ code: 'ENV-CAP', what: `${what} by this user`, evidence, fix: remedy }, ...userNamespaces(facts)]
}

/** Settings by which natspace lab, which needs no root elsewhere, is refused too. */
const userNamespaces = (facts: Facts): Finding[] => {
  const is = (key: string, value: string) =>
    facts.sysctl(undefined, key) === value ? [`${key} = ${value}`] : []
  const off = [...is('user.max_user_namespaces', '0'), ...is('kernel.unprivileged_userns_clone', '0')]
  const restricted = is('kernel.apparmor_restrict_unprivileged_userns', '1')
  const finding = (code: Finding['code'], evidence: string[]): Finding[] =>
    evidence.length === 0
      ? []
      : [
          {
            code,
            severity: 'notice',
            what: 'nor can natspace lab work here without root',
            evidence,
            fix: noFix,
          },
        ]
  return [...finding('ENV-USERNS-OFF', off), ...finding('ENV-USERNS-AA', restricted)]
}
