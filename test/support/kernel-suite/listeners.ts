import { expect, test } from 'bun:test'
import type { Listener } from '../../../src/linux/socket-diag/listener.ts'
import { NamespaceError } from '../../../src/linux/sys/namespace.ts'
import type { NewStage, Stage } from './stage.ts'

/** A new namespace with its loopback up, so that 127.0.0.1 and ::1 are there. */
const place = (stage: Stage): string => {
  const where = stage.namespace('one')
  stage.must({ type: 'link.set', where, name: 'lo', index: 1, up: true })
  return where
}

const facts = (listener: Listener) => {
  const { inode: _, ...rest } = listener
  return rest
}

const user = process.getuid?.() ?? -1

export function listenerTests(newStage: NewStage): void {
  test('in a new namespace nobody listens', () => {
    const stage = newStage()
    expect(stage.kernel.listeners(stage.namespace('one'))).toEqual([])
    expect(() => stage.kernel.listeners(stage.path('none'))).toThrow(NamespaceError)
  })

  test('whoever listens in a namespace is listed there, in one order', () => {
    const stage = newStage()
    const where = place(stage)
    stage.listen({ protocol: 'udp', address: '::1', port: 53, where })
    stage.listen({ protocol: 'udp', address: '0.0.0.0', port: 53, where })
    stage.listen({ protocol: 'tcp', address: '::', port: 8080, v6Only: true, where })
    stage.listen({ protocol: 'tcp', address: '0.0.0.0', port: 8080, where })
    stage.listen({ protocol: 'tcp', address: '::', port: 81, where })
    stage.listen({ protocol: 'tcp', address: '127.0.0.1', port: 80, where })
    stage.listen({ protocol: 'tcp', address: '::ffff:127.0.0.1', port: 82, where })
    const { kernel } = stage
    const [tcp, udp] = [{ protocol: 'tcp' } as const, { protocol: 'udp' } as const]
    expect(kernel.listeners(where).map(facts)).toEqual([
      { ...tcp, family: 4, address: '127.0.0.1', port: 80, user },
      { ...tcp, family: 6, address: '::', port: 81, v6Only: false, user },
      { ...tcp, family: 6, address: '::ffff:127.0.0.1', port: 82, v6Only: false, user },
      { ...tcp, family: 4, address: '0.0.0.0', port: 8080, user },
      { ...tcp, family: 6, address: '::', port: 8080, v6Only: true, user },
      { ...udp, family: 4, address: '0.0.0.0', port: 53, user },
      // Bound to one address, a socket serves the family of that, whatever it was told.
      { ...udp, family: 6, address: '::1', port: 53, v6Only: true, user },
    ])
    expect(new Set(kernel.listeners(where).map(({ inode }) => inode)).size).toBe(7)
    expect(kernel.listeners(where, 'udp').map(({ port }) => port)).toEqual([53, 53])
    expect(kernel.listeners(where, 'sctp')).toEqual([])
    expect(kernel.listeners(stage.namespace('two'))).toEqual([])
    expect(kernel.writes).toBe(3)
  })

  test('a socket that is closed is listed no more', () => {
    const stage = newStage()
    const where = place(stage)
    const socket = stage.listen({ protocol: 'tcp', address: '127.0.0.1', port: 80, where })
    expect(stage.kernel.listeners(where)).toHaveLength(1)
    socket[Symbol.dispose]()
    expect(stage.kernel.listeners(where)).toEqual([])
  })

  test('the link that a socket is bound to is told', () => {
    const stage = newStage()
    const where = place(stage)
    stage.listen({ protocol: 'udp', address: '0.0.0.0', port: 67, device: 'lo', where })
    expect(stage.kernel.listeners(where)[0]?.interface).toBe(1)
  })

  test('the process that holds a socket is found by its inode', () => {
    const stage = newStage()
    const where = place(stage)
    const { kernel } = stage
    const socket = stage.listen({ protocol: 'tcp', address: '127.0.0.1', port: 80, where })
    const inode = kernel.listeners(where)[0]?.inode as number
    expect(inode).toBeGreaterThan(0)
    expect(kernel.socketOwner(inode)?.pid).toBe(process.pid)
    expect(kernel.socketOwner(inode)?.command).toMatch(/^.{1,15}$/)
    socket[Symbol.dispose]()
    expect(kernel.socketOwner(inode)).toBeUndefined()
    expect(kernel.socketOwner(0)).toBeUndefined()
  })
}
