import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { NatspaceError } from '../errors.ts'
import { disable, type EnableRequest, enable, enabledNames } from './enable.ts'
import { SettingsTree } from './tree.ts'
import { fileMark } from './units.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'natspace-'))
  mkdirSync(join(root, 'etc/systemd/system'), { recursive: true, mode: 0o755 })
})
afterEach(() => rmSync(root, { recursive: true }))

/** Everything below the root: paths with mode and contents. */
const contents = (folder = root): Record<string, string> => {
  const all: Record<string, string> = {}
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const status = lstatSync(path)
    const mode = (status.mode & 0o7777).toString(8)
    if (status.isSymbolicLink()) all[relative(root, path)] = `-> ${readlinkSync(path)}`
    else if (status.isDirectory()) Object.assign(all, { [relative(root, path)]: mode }, contents(path))
    else all[relative(root, path)] = `${mode} ${readFileSync(path, 'utf8')}`
  }
  return all
}

const request = (name: string, rest: Partial<EnableRequest> = {}): EnableRequest => ({
  name,
  specText: `${fileMark}\nspaces: {${name}: }\n`,
  command: ['/usr/bin/natspace'],
  watch: false,
  ...rest,
})

const enableIn = (name: string, rest: Partial<EnableRequest> = {}) =>
  enable(new SettingsTree(root), request(name, rest)).changes
const disableIn = (name: string) => disable(new SettingsTree(root), name).changes

const faultOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof NatspaceError) return error.code
    throw error
  }
  throw new Error('nothing was thrown')
}

const wants = 'etc/systemd/system/multi-user.target.wants'

describe('what is enabled', () => {
  test('is linked into the boot, and taken back to the last byte', () => {
    const before = contents()
    expect(enableIn('web').map(({ action }) => action)).toContain('link')
    expect(readlinkSync(join(root, wants, 'natspace@web.service'))).toBe(
      '/etc/systemd/system/natspace@.service',
    )
    for (const firewall of ['nftables', 'firewalld'])
      expect(
        readlinkSync(join(root, `etc/systemd/system/${firewall}.service.wants/natspace-rules@web.service`)),
      ).toBe('/etc/systemd/system/natspace-rules@.service')
    expect(statSync(join(root, 'etc/natspace/web.yaml')).mode & 0o777).toBe(0o644)
    disableIn('web')
    expect(contents()).toEqual(before)
  })

  test('twice changes nothing, and neither does taking back what is not there', () => {
    enableIn('web')
    const enabled = contents()
    expect(enableIn('web')).toEqual([])
    expect(disableIn('db')).toEqual([])
    expect(contents()).toEqual(enabled)
  })

  test('shares units with others, which stay until the last goes', () => {
    const before = contents()
    enableIn('web', { watch: true })
    const first = contents()
    enableIn('db')
    expect(enabledNames(new SettingsTree(root))).toEqual(['db', 'web'])
    disableIn('db')
    expect(contents()).toEqual(first)
    enableIn('db')
    disableIn('web')
    expect(Object.keys(contents())).toContain('etc/systemd/system/natspace@.service')
    disableIn('db')
    expect(contents()).toEqual(before)
  })

  test('leaves folders that were there, empty or not', () => {
    for (const folder of ['etc/natspace', wants]) mkdirSync(join(root, folder), { mode: 0o755 })
    writeFileSync(join(root, wants, 'other.service'), '', { mode: 0o644 })
    const before = contents()
    enableIn('web')
    disableIn('web')
    expect(contents()).toEqual(before)
  })

  test('keeps a spec file that somebody else has put in its place', () => {
    mkdirSync(join(root, 'etc/natspace'), { mode: 0o755 })
    writeFileSync(join(root, 'etc/natspace/web.yaml'), 'spaces: {web: }\n', { mode: 0o600 })
    const before = contents()
    enableIn('web', { specText: undefined })
    disableIn('web')
    expect(contents()).toEqual(before)
  })

  test('follows a natspace that has moved, and a spec that has changed', () => {
    enableIn('web')
    const changed = enableIn('web', { command: ['/opt/natspace'], specText: `${fileMark}\nspaces: {}\n` })
    expect(changed.map(({ action, path }) => `${action} ${relative(root, path)}`)).toEqual([
      'write etc/systemd/system/natspace@.service',
      'write etc/systemd/system/natspace-rules@.service',
      'write etc/natspace/web.yaml',
    ])
    disableIn('web')
    expect(Object.keys(contents())).toEqual(['etc', 'etc/systemd', 'etc/systemd/system'])
  })
})

describe('what is refused, and leaves everything as it was', () => {
  const cases: [string, string, () => void][] = [
    [
      'a unit of somebody else',
      'FILE_TAKEN',
      () => place('etc/systemd/system/natspace@.service', '[Unit]\n'),
    ],
    ['a spec file of somebody else', 'FILE_TAKEN', () => place('etc/natspace/web.yaml', 'spaces: {}\n')],
    [
      'a link that leads elsewhere',
      'FILE_TAKEN',
      () => {
        mkdirSync(join(root, wants), { mode: 0o755 })
        symlinkSync('/dev/null', join(root, wants, 'natspace@web.service'))
      },
    ],
    [
      'a symbolic link in the place of the file',
      'FILE_TAKEN',
      () => {
        mkdirSync(join(root, 'etc/natspace'), { mode: 0o755 })
        symlinkSync('/nowhere/else', join(root, 'etc/natspace/web.yaml'))
      },
    ],
    ['a symbolic link on the way', 'FILE_UNSAFE', () => symlinkSync('systemd', join(root, 'etc/natspace'))],
    [
      'a folder that others may write to',
      'FILE_UNSAFE',
      () => {
        mkdirSync(join(root, 'etc/natspace'))
        chmodSync(join(root, 'etc/natspace'), 0o777)
      },
    ],
    ['a file where a folder must be', 'FILE_UNSAFE', () => place('etc/natspace', '')],
  ]
  const place = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true, mode: 0o755 })
    writeFileSync(join(root, path), text, { mode: 0o644 })
  }
  for (const [title, code, prepare] of cases)
    test(title, () => {
      prepare()
      const before = contents()
      expect(faultOf(() => enableIn('web'))).toBe(code)
      expect(contents()).toEqual(before)
    })

  test('a step that fails takes those before it back', () => {
    const before = contents()
    const steps = enableIn('web', { watch: true }).length
    disableIn('web')
    expect(contents()).toEqual(before)
    for (let failing = 0; failing < steps; failing++) {
      expect(() => enable(new FailingTree(root, failing), request('web', { watch: true }))).toThrow(
        'no space left',
      )
      expect(contents()).toEqual(before)
    }
    enableIn('web', { watch: true })
    const enabled = contents()
    const removals = disableIn('web').length
    enableIn('web', { watch: true })
    for (let failing = 0; failing < removals; failing++) {
      expect(() => disable(new FailingTree(root, failing), 'web')).toThrow('no space left')
      expect(contents()).toEqual(enabled)
    }
  })
})

describe('whoever is killed at it', () => {
  const kill = (at: number, work: (tree: SettingsTree) => unknown): boolean => {
    try {
      work(new KilledTree(root, at))
      return false
    } catch {
      // Killed, as it was to be.
      return true
    }
  }
  const enableKilled = (at: number) => kill(at, tree => enable(tree, request('web', { watch: true })))
  const disableKilled = (at: number) => kill(at, tree => disable(tree, 'web'))

  test('is completed by the next enable, and taken back by the next disable', () => {
    const before = contents()
    enableIn('web', { watch: true })
    const whole = contents()
    disableIn('web')
    let points = 0
    for (; enableKilled(points); points++) {
      if (points % 2 === 0) {
        enableIn('web', { watch: true })
        expect({ points, state: contents() }).toEqual({ points, state: whole })
      }
      disableIn('web')
      expect({ points, state: contents() }).toEqual({ points, state: before })
    }
    expect(points).toBeGreaterThan(8)
    for (points = 0; disableKilled(points); points++) {
      disableIn('web')
      expect({ points, state: contents() }).toEqual({ points, state: before })
      enableIn('web', { watch: true })
    }
    expect(points).toBeGreaterThan(8)
  })
})

/** Fails at one of its changes. */
class FailingTree extends SettingsTree {
  #left: number
  constructor(root: string, failing: number) {
    super(root)
    this.#left = failing
  }
  #count(): void {
    if (this.#left-- === 0) throw new Error('no space left')
  }
  override makeFolder(path: string): string[] {
    if (this.look(path).type === 'missing') this.#count()
    return super.makeFolder(path)
  }
  override write(path: string, text: string): void {
    this.#count()
    super.write(path, text)
  }
  override link(path: string, target: string): void {
    this.#count()
    super.link(path, target)
  }
  override remove(path: string): void {
    this.#count()
    super.remove(path)
  }
  override removeFolder(path: string): void {
    if (this.look(path).type === 'folder' && this.names(path).length === 0) this.#count()
    super.removeFolder(path)
  }
}

/** Fails, and cannot even take back what was done. */
class KilledTree extends FailingTree {
  override rollBack(): string[] {
    return []
  }
}
