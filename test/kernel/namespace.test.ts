import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Descriptor, openFlags } from '../../src/linux/sys/descriptor.ts'
import { SystemError } from '../../src/linux/sys/errno.ts'
import { readSmallFile, writeSmallFile } from '../../src/linux/sys/files.ts'
import {
  createNamespace,
  insideNamespace,
  NamespaceError,
  openNamespace,
  ownNamespacePath,
  shareMount,
  unmount,
  unmountNamespace,
} from '../../src/linux/sys/namespace.ts'
import { ip, openDescriptors, openedSince, requireSandbox, run } from '../support/sandbox.ts'

requireSandbox()

let folder = ''
const home = readlinkSync(ownNamespacePath)
const here = () => readlinkSync(ownNamespacePath)
/** As the links below /proc/self/ns name it. */
const identityOf = ({ number }: Descriptor) => `net:[${fstatSync(number).ino}]`

beforeAll(() => {
  folder = mkdtempSync('/run/namespace-test-')
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const thrown = (action: () => unknown): Error => {
  try {
    action()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('Nothing was thrown')
}

/** Runs `body` with a new namespace pinned in the folder. */
const withNamespace = <T>(name: string, body: (path: string, namespace: Descriptor) => T): T => {
  const path = join(folder, name)
  using namespace = createNamespace(path)
  try {
    return body(path, namespace)
  } finally {
    unmountNamespace(path)
    rmSync(path)
  }
}

describe('openNamespace', () => {
  const reasonOf = (path: string): string => {
    const error = thrown(() => openNamespace(path))
    expect(error).toBeInstanceOf(NamespaceError)
    return (error as NamespaceError).reason
  }

  test('opens a pinned namespace, and this thread’s own by /proc', () => {
    withNamespace('good', path => {
      using namespace = openNamespace(path)
      expect(identityOf(namespace)).toBe(`net:[${statSync(path).ino}]`)
      expect(identityOf(namespace)).not.toBe(home)
    })
    using own = openNamespace(ownNamespacePath)
    expect(identityOf(own)).toBe(home)
  })

  test('tells what else a path may be', () => {
    const before = openDescriptors()
    const plain = join(folder, 'plain')
    writeFileSync(plain, '')
    expect(reasonOf(plain)).toBe('not-a-namespace')
    expect(reasonOf(folder)).toBe('not-a-namespace')
    expect(reasonOf('/dev/null')).toBe('not-a-namespace')
    expect(reasonOf('/proc/self/ns/mnt')).toBe('another-kind')
    expect(reasonOf('/proc/self/ns/user')).toBe('another-kind')
    expect(reasonOf('/proc/self/status')).toBe('not-a-namespace')
    expect(reasonOf(join(folder, 'nosuch'))).toBe('missing')
    expect(reasonOf(join(plain, 'below'))).toBe('missing')
    rmSync(plain)
    expect(openedSince(before)).toEqual([])
  })

  test('does not follow a symbolic link, even to a namespace', () => {
    withNamespace('target', path => {
      const link = join(folder, 'link')
      symlinkSync(path, link)
      expect(reasonOf(link)).toBe('not-a-namespace')
      rmSync(link)
    })
  })

  test('a FIFO does not block it', () => {
    const fifo = join(folder, 'fifo')
    run('mkfifo', [fifo])
    expect(reasonOf(fifo)).toBe('not-a-namespace')
    rmSync(fifo)
  })
})

describe('createNamespace', () => {
  test('pins a new namespace and stays at home', () => {
    withNamespace('new', (path, namespace) => {
      expect(here()).toBe(home)
      expect(identityOf(namespace)).not.toBe(home)
      expect(run('nsenter', [`--net=${path}`, 'readlink', '/proc/self/ns/net']).trim()).toBe(
        identityOf(namespace),
      )
    })
  })

  test('is seen by ip(8), and ip(8) removes it', () => {
    mkdirSync('/run/netns', { recursive: true })
    createNamespace('/run/netns/made-by-us').close()
    expect(ip('netns list')).toMatch(/^made-by-us\b/m)
    ip('netns delete made-by-us')
    expect(existsSync('/run/netns/made-by-us')).toBe(false)
  })

  test('EEXIST leaves what is there alone', () => {
    withNamespace('twice', path => {
      const { ino } = statSync(path)
      const before = openDescriptors()
      expect(thrown(() => createNamespace(path))).toMatchObject({ code: 'EEXIST', path })
      expect(openedSince(before)).toEqual([])
      expect(statSync(path).ino).toBe(ino)
    })
  })

  test('a folder that is missing is ENOENT', () => {
    expect(thrown(() => createNamespace(join(folder, 'no/such')))).toMatchObject({ code: 'ENOENT' })
  })

  test('a mount that fails leaves no file, no descriptor, and this thread at home', async () => {
    // A path into another mount namespace can be written to, but not mounted on (EINVAL).
    const child = spawn('unshare', [
      '-m',
      '--propagation',
      'private',
      'sh',
      '-c',
      'echo ready; exec sleep 30',
    ])
    try {
      await new Promise(resolve => child.stdout.once('data', resolve))
      const path = `/proc/${child.pid}/root${folder}/elsewhere`
      const before = openDescriptors()
      expect(thrown(() => createNamespace(path))).toMatchObject({ call: 'mount', code: 'EINVAL' })
      expect(existsSync(path)).toBe(false)
      expect(existsSync(join(folder, 'elsewhere'))).toBe(false)
      expect(openedSince(before)).toEqual([])
      expect(here()).toBe(home)
    } finally {
      child.kill('SIGKILL')
    }
  })
})

describe('insideNamespace', () => {
  test('runs the section there and comes back with its result', () => {
    withNamespace('inside', (_path, namespace) => {
      const there = identityOf(namespace)
      expect(insideNamespace(namespace.number, here)).toBe(there)
      expect(here()).toBe(home)
    })
  })

  test('comes back when the section throws', () => {
    withNamespace('throws', (_path, namespace) => {
      const failure = new Error('inside')
      expect(
        thrown(() =>
          insideNamespace(namespace.number, () => {
            throw failure
          }),
        ),
      ).toBe(failure)
      expect(here()).toBe(home)
    })
  })

  test('nests', () => {
    withNamespace('outer', (_outerPath, outer) => {
      withNamespace('inner', (_innerPath, inner) => {
        const seen = insideNamespace(outer.number, () => [insideNamespace(inner.number, here), here()])
        expect(seen).toEqual([inner, outer].map(identityOf))
      })
    })
    expect(here()).toBe(home)
  })

  test('leaks no descriptor, whether it succeeds, fails to enter, or throws', () => {
    withNamespace('leak', (_path, namespace) => {
      using plain = Descriptor.open('/proc/self/status', openFlags.readOnly)
      const before = openDescriptors()
      for (let round = 0; round < 20; round++) {
        insideNamespace(namespace.number, () => round)
        thrown(() => insideNamespace(plain.number, () => round))
        thrown(() =>
          insideNamespace(namespace.number, () => {
            throw new Error('inside')
          }),
        )
      }
      expect(openedSince(before)).toEqual([])
      expect(here()).toBe(home)
    })
  })

  test('a descriptor of something else is refused, and the section does not run', () => {
    using plain = Descriptor.open('/proc/self/status', openFlags.readOnly)
    let ran = false
    const error = thrown(() =>
      insideNamespace(plain.number, () => {
        ran = true
      }),
    )
    expect(error).toMatchObject({ name: 'SystemError', call: 'setns', code: 'EINVAL' })
    expect(ran).toBe(false)
  })

  test('reads and writes the sysctls of that namespace only', () => {
    withNamespace('sysctl', (_path, namespace) => {
      const key = '/proc/sys/net/ipv4/ip_forward'
      const outside = readSmallFile(key)
      insideNamespace(namespace.number, () => writeSmallFile(key, outside === '1\n' ? '0' : '1'))
      expect(insideNamespace(namespace.number, () => readSmallFile(key))).not.toBe(outside)
      expect(readSmallFile(key)).toBe(outside)
    })
  })
})

describe('shareMount', () => {
  const propagation = (path: string): string | undefined =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map(line => line.split(' '))
      .findLast(fields => fields[4] === path)
      ?.slice(6)
      .find(field => field.startsWith('shared:'))

  test('makes the folder a shared mount once, and then leaves it', () => {
    const shared = join(folder, 'shared')
    mkdirSync(shared)
    expect(shareMount(shared)).toBe(true)
    expect(propagation(shared)).toBeDefined()
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length
    expect(shareMount(shared)).toBe(false)
    expect(readFileSync('/proc/self/mountinfo', 'utf8').split('\n')).toHaveLength(mounts)
    unmount(shared)
    rmSync(shared, { recursive: true })
  })

  test('a missing folder is ENOENT', () => {
    expect(thrown(() => shareMount(join(folder, 'nosuch')))).toMatchObject({ call: 'mount', code: 'ENOENT' })
  })
})

describe('Descriptor', () => {
  test('closes once; the number may belong to another file by then', () => {
    const one = Descriptor.open('/dev/null', openFlags.readOnly)
    const { number } = one
    one.close()
    expect(one.closed).toBe(true)
    const other = openSync('/dev/null', 'r')
    expect(other).toBe(number)
    one.close()
    one[Symbol.dispose]()
    expect(existsSync(`/proc/self/fd/${other}`)).toBe(true)
    closeSync(other)
    expect(() => one.number).toThrow('closed already')
    expect(() => one.release()).toThrow('closed already')
  })

  test('a scope closes it, also when it is left by an error', () => {
    const before = openDescriptors()
    thrown(() => {
      using one = Descriptor.open('/dev/null', openFlags.readOnly)
      throw new Error(String(one.number))
    })
    expect(openedSince(before)).toEqual([])
  })

  test('release gives the number away', () => {
    const one = Descriptor.open('/dev/null', openFlags.readOnly)
    const number = one.release()
    one.close()
    expect(existsSync(`/proc/self/fd/${number}`)).toBe(true)
    closeSync(number)
  })

  test('is not inherited by programs', () => {
    using one = Descriptor.open('/dev/null', openFlags.readOnly)
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${one.number}`, 'utf8'))?.[1]
    expect(Number.parseInt(flags ?? '', 8) & openFlags.closeOnExec).toBe(openFlags.closeOnExec)
  })

  test('a failure names the call, the path and the reason', () => {
    const error = thrown(() => Descriptor.open(join(folder, 'nosuch'), openFlags.readOnly))
    expect(error).toBeInstanceOf(SystemError)
    expect(error.message).toBe(`open ${folder}/nosuch: ENOENT`)
  })

  test('a path with a NUL is refused', () => {
    expect(() => Descriptor.open('/dev/null\0/x', openFlags.readOnly)).toThrow(RangeError)
  })
})
