import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { NatspaceError } from '../errors.ts'
import { quote } from '../spec/quote.ts'

/** What is at a path; symbolic links are not followed. */
export type Seen =
  | { type: 'missing' }
  | { type: 'folder' }
  | { type: 'file'; text: string }
  | { type: 'link'; target: string }

/** What a tree has changed so far, for whoever asked. */
export type TreeChange = { action: 'write' | 'link' | 'make' | 'remove'; path: string }

/**
 * Theory of operation. Settings of the system below a folder that stands for `/`. A file appears whole or not at all:
 * written beside its place, synced, renamed, and the folder synced. Nothing is read or written through a symbolic link
 * below the root, nor in a folder that somebody else than root may write to. Every change is kept with its way back, so
 * that a command which fails leaves nothing behind.
 */
export class SettingsTree {
  readonly #root: string
  readonly #undo: (() => void)[] = []
  readonly changes: TreeChange[] = []

  /** `root` is a folder that exists: '/' or what will be the root of another system. */
  constructor(root: string) {
    this.#root = root
  }

  /** Where a path of the tree is: `/etc/natspace` below the root. */
  at(path: string): string {
    return join(this.#root, path)
  }

  /** What is there. Throws NatspaceError FILE_UNSAFE when others than root have a say in it. */
  look(path: string): Seen {
    const parts = path.split('/').filter(Boolean)
    for (let length = 1; length < parts.length; length++) {
      const folder = this.at(parts.slice(0, length).join('/'))
      const status = statusOf(folder)
      if (status === undefined) return { type: 'missing' }
      if (!status.isDirectory()) throw unsafe(folder, 'it is no folder')
      checkOwner(folder, status)
    }
    const place = this.at(path)
    const status = statusOf(place)
    if (status === undefined) return { type: 'missing' }
    if (status.isSymbolicLink()) return { type: 'link', target: readlinkSync(place) }
    checkOwner(place, status)
    if (status.isDirectory()) return { type: 'folder' }
    if (!status.isFile()) throw unsafe(place, 'it is neither a file nor a folder')
    return { type: 'file', text: readNoFollow(place) }
  }

  /** Names in a folder, sorted; [] when there is none. */
  names(path: string): string[] {
    return this.look(path).type === 'folder' ? readdirSync(this.at(path)).sort() : []
  }

  /** Makes a folder, and those above it, where they are missing; returns those that it made, from the top. */
  makeFolder(path: string): string[] {
    const seen = this.look(path)
    if (seen.type === 'folder') return []
    if (seen.type !== 'missing') throw unsafe(this.at(path), 'it is no folder')
    const above = dirname(path) === '/' ? [] : this.makeFolder(dirname(path))
    const place = this.at(path)
    mkdirSync(place, { mode: 0o755 })
    this.#did('make', path, () => rmdirSync(place))
    syncFolder(dirname(place))
    return [...above, path]
  }

  /** Writes a file whole, in the place of one that may be there. */
  write(path: string, text: string): void {
    const before = this.look(path)
    const place = this.at(path)
    replaceFile(place, text)
    this.#did('write', path, () =>
      before.type === 'file' ? replaceFile(place, before.text) : unlinkSync(place),
    )
  }

  /** Makes a symbolic link where nothing is. */
  link(path: string, target: string): void {
    const place = this.at(path)
    symlinkSync(target, place)
    this.#did('link', path, () => unlinkSync(place))
    syncFolder(dirname(place))
  }

  /** Removes a file or a link. */
  remove(path: string): void {
    const before = this.look(path)
    const place = this.at(path)
    unlinkSync(place)
    this.#did('remove', path, () => {
      if (before.type === 'link') symlinkSync(before.target, place)
      else if (before.type === 'file') replaceFile(place, before.text)
    })
    syncFolder(dirname(place))
  }

  /** Removes a folder if it is there and empty. */
  removeFolder(path: string): void {
    if (this.look(path).type !== 'folder' || this.names(path).length > 0) return
    const place = this.at(path)
    rmdirSync(place)
    this.#did('remove', path, () => mkdirSync(place, { mode: 0o755 }))
    syncFolder(dirname(place))
  }

  /** Takes back every change, last first; returns what could not be taken back. */
  rollBack(): string[] {
    this.changes.length = 0
    return this.#undo
      .splice(0)
      .reverse()
      .flatMap(undo => {
        try {
          undo()
          return []
        } catch (error) {
          return [(error as Error).message]
        }
      })
  }

  #did(action: TreeChange['action'], path: string, undo: () => void): void {
    this.#undo.push(undo)
    this.changes.push({ action, path: this.at(path) })
  }
}

const statusOf = (place: string): Stats | undefined => lstatSync(place, { throwIfNoEntry: false })

/** Whoever may write a unit, or a plugin, is root when it is started. */
const checkOwner = (place: string, { uid, mode }: Stats): void => {
  const own = process.geteuid?.()
  if (uid !== 0 && uid !== own) throw unsafe(place, `it belongs to user ${uid}`)
  if ((mode & 0o022) !== 0)
    throw unsafe(place, `others may write to it (mode ${(mode & 0o7777).toString(8)})`)
}

const unsafe = (place: string, why: string): NatspaceError =>
  new NatspaceError({
    code: 'FILE_UNSAFE',
    exit: 1,
    what: `cannot use ${quote(place)}`,
    why,
    fix: ['look at it: what is there decides what root does'],
  })

const readNoFollow = (place: string): string => {
  const file = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    return readFileSync(file, 'utf8')
  } finally {
    closeSync(file)
  }
}

const syncFolder = (place: string): void => {
  const folder = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

const replaceFile = (place: string, text: string): void => {
  const temporary = `${place}.${process.pid}.tmp`
  // One of a process that was killed; in a container all of them may have the same number.
  if (statusOf(temporary) !== undefined) unlinkSync(temporary)
  try {
    createSynced(temporary, text)
    renameSync(temporary, place)
  } catch (error) {
    if (statusOf(temporary) !== undefined) unlinkSync(temporary)
    throw error
  }
  syncFolder(dirname(place))
}

const createSynced = (place: string, text: string): void => {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
  const file = openSync(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
  try {
    // Whatever the umask of whoever calls is: systemd reads it as root, and everybody may.
    fchmodSync(file, 0o644)
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
