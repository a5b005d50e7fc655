import type { Where } from '../../linux/change.ts'
import { type Flow, matchesFlow } from '../../linux/conntrack/index.ts'
import type { FileStatus, Kernel, NamespaceState } from '../../linux/kernel.ts'
import type { MissingFeature } from '../../linux/probe.ts'
import type { ProgramError, ProgramName } from '../../linux/program.ts'
import type { Link } from '../../linux/rtnetlink/link.ts'
import type { SocketOwner } from '../../linux/sys/socket-owner.ts'

/**
 * What of a host cannot be made in a lab, and so is pretended: files, settings of the whole machine, processes. Only what
 * reads by this kernel sees it; all other questions and every change go to the real one.
 */
export class Pretence {
  readonly files = new Map<string, string | undefined>()
  readonly sysctls = new Map<string, string | undefined>()
  readonly states = new Map<string, NamespaceState>()
  /** The process that holds whatever socket is asked about. */
  readonly owners = new Map<'any', SocketOwner>()
  /** What is changed of the links of a namespace, by its path. */
  readonly links = new Map<string, (link: Link) => Link>()
  /** What a program ends with in the place of its output. */
  readonly failures = new Map<ProgramName, ProgramError>()
  /** Flows that connection tracking of the host knows beside the real ones. */
  readonly flows = new Map<'all', Flow[]>()
  /** What the kernel lacks. */
  readonly missing = new Map<'all', MissingFeature[]>()
  /** Identities of namespaces, by path. */
  readonly identities = new Map<string, string>()

  /** The real kernel with what is pretended in front. */
  over(kernel: Kernel): Kernel {
    const { files, sysctls, states, identities, owners, links, failures, flows } = this
    const key = (where: Where, name: string) => `${where ?? ''} ${name}`
    const answers: Partial<Kernel> = {
      readFile: path => (files.has(path) ? files.get(path) : kernel.readFile(path)),
      readFolder: path => {
        const below = namesBelow([...files.keys()], path)
        const found = kernel.readFolder(path)
        return found === undefined && below.length === 0
          ? undefined
          : [...new Set([...(found ?? []), ...below])].sort()
      },
      fileStatus: path => (files.has(path) ? statusOf(files.get(path)) : kernel.fileStatus(path)),
      sysctl: (where, name) =>
        sysctls.has(key(where, name)) ? sysctls.get(key(where, name)) : kernel.sysctl(where, name),
      links: where => {
        const change = links.get(where ?? '')
        const found = kernel.links(where)
        return change === undefined ? found : found.map(change)
      },
      flows: (where, filter = {}) => [
        ...kernel.flows(where, filter),
        ...(where === undefined ? (flows.get('all') ?? []) : []).filter(flow => matchesFlow(filter, flow)),
      ],
      programOutput: (program, words) => {
        const failure = failures.get(program)
        if (failure !== undefined) throw failure
        return kernel.programOutput(program, words)
      },
      socketOwner: inode => owners.get('any') ?? kernel.socketOwner(inode),
      namespaceState: path => states.get(path) ?? kernel.namespaceState(path),
      namespaceIdentity: where => identities.get(where ?? '') ?? kernel.namespaceIdentity(where),
    }
    return new Proxy(kernel, {
      get: (target, name) => {
        const answer: unknown = Reflect.get(answers, name)
        if (answer !== undefined) return answer
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

const statusOf = (text: string | undefined): FileStatus | undefined =>
  text === undefined ? undefined : { type: 'file', mode: 0o644, user: 0 }

/** Names directly in a folder, of paths that may lie deeper. */
const namesBelow = (paths: readonly string[], folder: string): string[] =>
  paths.flatMap(path =>
    path.startsWith(`${folder}/`) ? (path.slice(folder.length + 1).split('/')[0] ?? []) : [],
  )
