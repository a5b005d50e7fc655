import type { FileStatus } from '../kernel.ts'
import { failure } from './errors.ts'
import type { FakeNamespace } from './namespace.ts'

type Folder = { type: 'folder'; mode: number; mounted: boolean }
type File = { type: 'file'; mode: number; text: string }
/** A file on which a network namespace is pinned. */
type Pin = { type: 'namespace'; namespace: FakeNamespace }
export type FileNode = Folder | File | Pin

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'

/**
 * The files of a machine: a map from absolute paths to what is there, with the errors of mkdir(2), unlink(2), mount(2)
 * and so on. A mount is only a mark on its folder: as the folder is bound onto itself, its content stays the same.
 */
export class FakeFiles {
  readonly nodes = new Map<string, FileNode>()
  /** A lock belongs to the file, not to its name: who removes a locked file lets others lock a new one. */
  readonly #locked = new Set<FileNode>()

  constructor(folders: readonly string[]) {
    for (const path of folders) this.nodes.set(path, { type: 'folder', mode: 0o755, mounted: false })
  }

  /** The names in a folder, or undefined. */
  list(path: string): string[] | undefined {
    const node = this.nodes.get(path)
    if (node === undefined) return undefined
    if (node.type !== 'folder') throw failure('scandir', 'ENOTDIR', path)
    return this.#below(path)
      .filter(below => parentOf(below) === path)
      .map(below => below.slice(path.length + 1))
      .sort()
  }

  read(path: string): string | undefined {
    const node = this.nodes.get(path)
    if (node === undefined) return undefined
    if (node.type === 'folder') throw failure('read', 'EISDIR', path)
    return node.type === 'file' ? node.text : ''
  }

  status(path: string): FileStatus | undefined {
    const node = this.nodes.get(path)
    if (node === undefined) return undefined
    const user = process.geteuid?.() ?? 0
    if (node.type === 'namespace') return { type: 'file', mode: 0o444, user }
    return { type: node.type, mode: node.mode, user }
  }

  tryLock(path: string): Disposable | undefined {
    this.#expectFolder('open', parentOf(path))
    if (!this.nodes.has(path)) this.nodes.set(path, { type: 'file', text: '', mode: 0o600 })
    const node = this.nodes.get(path) as FileNode
    if (this.#locked.has(node)) return undefined
    this.#locked.add(node)
    return { [Symbol.dispose]: () => void this.#locked.delete(node) }
  }

  makeFolder(path: string, mode: number): void {
    if (this.nodes.has(path)) throw failure('mkdir', 'EEXIST', path)
    this.#expectFolder('mkdir', parentOf(path))
    this.nodes.set(path, { type: 'folder', mode, mounted: false })
  }

  removeFolder(path: string): void {
    const node = this.#expectFolder('rmdir', path)
    if (node.mounted) throw failure('rmdir', 'EBUSY', path)
    if (this.#below(path).length > 0) throw failure('rmdir', 'ENOTEMPTY', path)
    this.nodes.delete(path)
  }

  write(path: string, text: string, mode: number): void {
    this.#expectFolder('open', parentOf(path))
    const node = this.nodes.get(path)
    if (node?.type === 'folder') throw failure('rename', 'EISDIR', path)
    if (node?.type === 'namespace') throw failure('rename', 'EBUSY', path)
    this.nodes.set(path, { type: 'file', text, mode })
  }

  remove(path: string): void {
    const node = this.nodes.get(path)
    if (node === undefined) throw failure('unlink', 'ENOENT', path)
    if (node.type === 'folder') throw failure('unlink', 'EISDIR', path)
    if (node.type === 'namespace') throw failure('unlink', 'EBUSY', path)
    this.nodes.delete(path)
  }

  pin(path: string, create: () => FakeNamespace): FakeNamespace {
    if (this.nodes.has(path)) throw failure('open', 'EEXIST', path)
    this.#expectFolder('open', parentOf(path))
    const namespace = create()
    this.nodes.set(path, { type: 'namespace', namespace })
    return namespace
  }

  /** Takes the pin away, and the file below it; returns the namespace that was pinned. */
  unpin(path: string): FakeNamespace {
    const node = this.nodes.get(path)
    if (node === undefined) throw failure('umount2', 'ENOENT', path)
    if (node.type !== 'namespace') throw failure('umount2', 'EINVAL', path)
    this.nodes.delete(path)
    return node.namespace
  }

  share(path: string): void {
    this.#expectFolder('mount', path).mounted = true
  }

  /** Takes a mount away; returns the namespaces that were pinned inside and are pinned no more. */
  unmount(path: string): FakeNamespace[] {
    const node = this.nodes.get(path)
    if (node === undefined) throw failure('umount2', 'ENOENT', path)
    if (node.type !== 'folder' || !node.mounted) throw failure('umount2', 'EINVAL', path)
    node.mounted = false
    const lost: FakeNamespace[] = []
    for (const below of this.#below(path)) {
      const inside = this.nodes.get(below)
      if (inside?.type !== 'namespace') continue
      lost.push(inside.namespace)
      this.nodes.set(below, { type: 'file', text: '', mode: 0 })
    }
    return lost
  }

  #below(path: string): string[] {
    const start = path === '/' ? '/' : `${path}/`
    return [...this.nodes.keys()].filter(other => other.startsWith(start) && other !== path)
  }

  #expectFolder(call: string, path: string): Folder {
    const node = this.nodes.get(path)
    if (node === undefined) throw failure(call, 'ENOENT', path)
    if (node.type !== 'folder') throw failure(call, 'ENOTDIR', path)
    return node
  }
}
