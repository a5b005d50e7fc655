import { expect, test } from 'bun:test'
import type { NewStage, Stage } from './stage.ts'

/** Runs a test in a folder of its own, which must be empty again after it. */
const inFolder = (newStage: NewStage, body: (stage: Stage, folder: string) => void) => () => {
  const stage = newStage()
  const folder = stage.path('files')
  stage.must({ type: 'directory.add', path: folder, mode: 0o700 })
  try {
    body(stage, folder)
  } finally {
    stage.must({ type: 'directory.delete', path: folder })
  }
}

export function fileTests(newStage: NewStage): void {
  const inside = (body: Parameters<typeof inFolder>[1]) => inFolder(newStage, body)

  test(
    'a file is written, replaced, read and deleted',
    inside((stage, folder) => {
      const { kernel } = stage
      const path = `${folder}/b.json`
      expect(kernel.readFile(path)).toBeUndefined()
      expect(kernel.readFolder(folder)).toEqual([])
      stage.must({ type: 'file.write', path, text: 'one', mode: 0o644 })
      stage.must({ type: 'file.write', path, text: 'zwei ✓\n', mode: 0o600 })
      stage.must({ type: 'directory.add', path: `${folder}/a`, mode: 0o755 })
      expect(kernel.readFile(path)).toBe('zwei ✓\n')
      expect(kernel.readFolder(folder)).toEqual(['a', 'b.json'])
      const user = process.geteuid?.()
      expect(kernel.fileStatus(path)).toEqual({ type: 'file', mode: 0o600, user } as never)
      expect(kernel.fileStatus(`${folder}/a`)).toMatchObject({ type: 'folder', mode: 0o755 })
      expect(kernel.fileStatus(`${folder}/c`)).toBeUndefined()
      stage.must({ type: 'file.delete', path }, { type: 'directory.delete', path: `${folder}/a` })
      expect(kernel.readFolder(folder)).toEqual([])
    }),
  )

  test(
    'refusals',
    inside((stage, folder) => {
      const file = `${folder}/file`
      stage.must({ type: 'file.write', path: file, text: '', mode: 0o600 })
      expect(stage.change({ type: 'directory.add', path: file, mode: 0o700 })).toEqual(['EEXIST'])
      expect(stage.change({ type: 'directory.add', path: folder, mode: 0o700 })).toEqual(['EEXIST'])
      expect(stage.change({ type: 'directory.add', path: `${folder}/no/new`, mode: 0o700 })).toEqual([
        'ENOENT',
      ])
      expect(stage.change({ type: 'directory.delete', path: folder })).toEqual(['ENOTEMPTY'])
      expect(stage.change({ type: 'directory.delete', path: file })).toEqual(['ENOTDIR'])
      expect(stage.change({ type: 'directory.delete', path: `${folder}/no` })).toEqual(['ENOENT'])
      expect(stage.change({ type: 'file.delete', path: `${folder}/no` })).toEqual(['ENOENT'])
      expect(stage.change({ type: 'file.write', path: `${folder}/no/new`, text: '', mode: 0o600 })).toEqual([
        'ENOENT',
      ])
      expect(stage.kernel.readFolder(`${folder}/no`)).toBeUndefined()
      stage.must({ type: 'file.delete', path: file })
    }),
  )

  test(
    'a lock is held by one, until it is let go',
    inside((stage, folder) => {
      const path = `${folder}/lock`
      const other = stage.open()
      const held = stage.kernel.tryLock(path)
      expect(held).toBeDefined()
      expect(other.tryLock(path)).toBeUndefined()
      held?.[Symbol.dispose]()
      const next = other.tryLock(path)
      expect(next).toBeDefined()
      // The lock is that of the file: under the same name there may be another.
      stage.must({ type: 'file.delete', path })
      const fresh = stage.kernel.tryLock(path)
      expect(fresh).toBeDefined()
      next?.[Symbol.dispose]()
      fresh?.[Symbol.dispose]()
      stage.must({ type: 'file.delete', path })
      expect(() => stage.kernel.tryLock(`${folder}/no/lock`)).toThrow('ENOENT')
      expect(stage.kernel.writes).toBe(3)
    }),
  )

  test(
    'a folder becomes a mount of its own, and loses it again',
    inside((stage, folder) => {
      const path = `${folder}/mount`
      expect(stage.change({ type: 'mount.share', path })).toEqual(['ENOENT'])
      expect(stage.change({ type: 'mount.delete', path })).toEqual(['ENOENT'])
      stage.must({ type: 'directory.add', path, mode: 0o755 }, { type: 'mount.share', path })
      stage.must({ type: 'mount.share', path })
      expect(stage.change({ type: 'directory.delete', path })).toEqual(['EBUSY'])
      stage.must({ type: 'namespace.add', path: `${path}/one` })
      expect(stage.open().namespaceState(`${path}/one`)).toBe('present')
      stage.must({ type: 'namespace.delete', path: `${path}/one` })
      stage.must({ type: 'mount.delete', path })
      expect(stage.change({ type: 'mount.delete', path })).toEqual(['EINVAL'])
      stage.must({ type: 'directory.delete', path })
    }),
  )
}
