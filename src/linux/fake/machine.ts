import { ProgramError, type ProgramName } from '../program.ts'
import type { Listener } from '../socket-diag/listener.ts'
import type { SocketOwner } from '../sys/socket-owner.ts'
import { failure } from './errors.ts'
import { FakeFiles } from './files.ts'
import type { FakeLink } from './link.ts'
import { type ListenerFacts, newListener } from './listener.ts'
import { FakeNamespace } from './namespace.ts'
import { FakeSysctls, newMachineSysctls } from './sysctls.ts'

/** Folders that every machine has. */
const folders = ['/', '/etc', '/proc', '/run', '/tmp', '/var', '/var/lib']

/** Where a process finds its own namespace. */
const ownPaths = new Set(['/proc/thread-self/ns/net', '/proc/self/ns/net'])

/** A machine in memory: what several kernels (as seen by several processes) share. */
export class FakeMachine {
  readonly files = new FakeFiles(folders)
  readonly host: FakeNamespace
  /** The processes that hold sockets, by inode. */
  readonly socketOwners = new Map<number, SocketOwner>()
  /** Front ends of firewalls that are installed. */
  readonly programs = new Map<ProgramName, (words: readonly string[]) => string>()
  readonly #sysctls = newMachineSysctls()
  #nextInode = 4026531840

  constructor() {
    this.host = this.newNamespace()
    this.host.setLink({ type: 'link.set', where: undefined, name: 'lo', index: 1, up: true })
  }

  newNamespace(): FakeNamespace {
    const first = (this.host as FakeNamespace | undefined)?.sysctls
    return new FakeNamespace(`4:${this.#nextInode++}`, new FakeSysctls(this.#sysctls, first))
  }

  /** The namespace pinned at a path; undefined when there is none. */
  namespace(path: string | undefined): FakeNamespace | undefined {
    if (path === undefined || ownPaths.has(path)) return this.host
    const node = this.files.nodes.get(path)
    return node?.type === 'namespace' ? node.namespace : undefined
  }

  addNamespace(path: string): FakeNamespace {
    return this.files.pin(path, () => this.newNamespace())
  }

  /** Throws SystemError ENOENT, EINVAL. */
  deleteNamespace(path: string): void {
    this.#release(this.files.unpin(path))
  }

  /** What a program prints. Throws ProgramError ENOENT when it is not installed, or its own. */
  runProgram(program: ProgramName, words: readonly string[]): string {
    const answer = this.programs.get(program)
    if (answer === undefined) throw new ProgramError(program, { words: 'not installed', code: 'ENOENT' })
    return answer(words)
  }

  unmount(path: string): void {
    for (const namespace of this.files.unmount(path)) this.#release(namespace)
  }

  /** A pin keeps a namespace here, or a kernel that holds it; processes do not exist. */
  #release(namespace: FakeNamespace): void {
    if (namespace.isHeld) return
    const pins = [...this.files.nodes.values()]
    if (!pins.some(node => node.type === 'namespace' && node.namespace === namespace)) namespace.end()
  }

  /** A new socket that listens; inodes of sockets are the machine's. */
  addListener(namespace: FakeNamespace, facts: ListenerFacts, owner: SocketOwner | undefined): Listener {
    const listener = newListener(facts, this.#nextInode++)
    namespace.listeners.set(listener.inode, listener)
    if (owner !== undefined) this.socketOwners.set(listener.inode, owner)
    return { ...listener }
  }

  /** Closes a socket, wherever it listens. */
  removeListener(inode: number): void {
    this.socketOwners.delete(inode)
    for (const node of this.files.nodes.values())
      if (node.type === 'namespace') node.namespace.listeners.delete(inode)
    this.host.listeners.delete(inode)
  }

  /** A link of the machine itself: hardware, or of another kind. */
  addLink(
    name: string,
    facts: { kind?: string; index?: number; address?: string; mtu?: number } = {},
  ): FakeLink {
    const { host } = this
    if (host.link(name)) throw failure('addLink', 'EEXIST', name)
    const index = facts.index ?? host.freeIndex()
    return host.insert({
      index,
      name,
      kind: facts.kind,
      address: facts.address ?? `02:00:00:00:00:${index.toString(16).padStart(2, '0').slice(-2)}`,
      mtu: facts.mtu ?? 1500,
    })
  }
}
