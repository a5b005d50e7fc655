import { expect, test } from 'bun:test'
import { ChangeError } from '../../../src/linux/change.ts'
import { NamespaceError } from '../../../src/linux/sys/namespace.ts'
import { type NewStage, until, veth } from './stage.ts'

export function namespaceTests(newStage: NewStage): void {
  test('one is made, found by its name and deleted', () => {
    const stage = newStage()
    const { kernel } = stage
    expect(kernel.namespaceState(stage.path('one'))).toBe('missing')
    const path = stage.namespace('one')
    expect(kernel.namespaceState(path)).toBe('present')
    expect(kernel.namespaceNames(stage.path('').slice(0, -1))).toEqual(['one'])
    expect(stage.change({ type: 'namespace.delete', path })).toEqual(['done'])
    expect(kernel.namespaceState(path)).toBe('missing')
    expect(kernel.namespaceNames(stage.path('').slice(0, -1))).toEqual([])
  })

  test('one that is made with a mark has it on its loopback; a mark that is refused leaves no namespace', () => {
    const stage = newStage()
    const path = stage.namespace('one', 'natspace:one')
    expect(stage.link(path, 'lo')).toMatchObject({ alias: 'natspace:one', up: false })
    const bad = stage.path('two')
    expect(stage.change({ type: 'namespace.add', path: bad, mark: 'x'.repeat(256) })).toEqual(['ERANGE'])
    expect(stage.kernel.namespaceState(bad)).toBe('missing')
  })

  test('a new one has a loopback that is down, the usual rules, and nothing else', () => {
    const stage = newStage()
    const { kernel } = stage
    const path = stage.namespace('one')
    const { counters, ...loopback } = stage.link(path, 'lo') ?? {}
    expect(loopback).toEqual({
      index: 1,
      name: 'lo',
      kind: undefined,
      address: '00:00:00:00:00:00',
      mtu: 65536,
      up: false,
      carrier: false,
      loopback: true,
      alias: undefined,
      master: undefined,
      peer: undefined,
      peerNamespaceId: undefined,
      queueLength: 1000,
    })
    expect(counters).toEqual({ receivedPackets: 0n, sentPackets: 0n, receivedBytes: 0n, sentBytes: 0n })
    expect(kernel.addresses(path)).toEqual([])
    expect(kernel.routes(path)).toEqual([])
    expect(kernel.neighbours(path)).toEqual([])
    expect(kernel.ruleset(path).tables).toEqual([])
    const rule = {
      source: 'all',
      destination: 'all',
      inputName: undefined,
      outputName: undefined,
      mark: undefined,
      markMask: undefined,
      action: 1,
      inverted: false,
    }
    expect(kernel.rules(path)).toEqual([
      { family: 4, priority: 0, table: 255, ...rule },
      { family: 4, priority: 32766, table: 254, ...rule },
      { family: 4, priority: 32767, table: 253, ...rule },
      { family: 6, priority: 0, table: 255, ...rule },
      { family: 6, priority: 32766, table: 254, ...rule },
    ])
  })

  test('identities tell paths of one namespace from paths of two', () => {
    const stage = newStage()
    const { kernel } = stage
    const [one, two] = [stage.namespace('one'), stage.namespace('two')]
    const all = [undefined, one, two].map(where => kernel.namespaceIdentity(where))
    expect(all).not.toContain(undefined)
    expect(new Set(all).size).toBe(3)
    expect(kernel.namespaceIdentity(one)).toBe(all[1])
    expect(kernel.namespaceIdentity('/proc/thread-self/ns/net')).toBe(all[0])
    expect(kernel.namespaceIdentity(stage.path('none'))).toBeUndefined()
  })

  test('the number by which one namespace names another is that which its links name', () => {
    const stage = newStage()
    const { kernel } = stage
    const [here, one, two] = [stage.namespace('here'), stage.namespace('one'), stage.namespace('two')]
    stage.must(veth({ where: here, name: 'left', index: 10 }, { where: one, name: 'right', index: 20 }))
    const id = stage.link(here, 'left')?.peerNamespaceId
    expect(id).toBeNumber()
    expect(kernel.namespaceId(here, one)).toBe(id)
    expect(kernel.namespaceId(here, two)).not.toBe(id)
  })

  test('what is in the way is told apart', () => {
    const stage = newStage()
    const { kernel } = stage
    const [file, folder] = [stage.path('file'), stage.path('folder')]
    stage.must({ type: 'file.write', path: file, text: '', mode: 0o600 })
    stage.must({ type: 'directory.add', path: folder, mode: 0o700 })
    try {
      expect(kernel.namespaceState(file)).toBe('not-a-namespace')
      expect(kernel.namespaceState(folder)).toBe('not-a-namespace')
      expect(stage.change({ type: 'namespace.add', path: file })).toEqual(['EEXIST'])
      expect(stage.change({ type: 'namespace.delete', path: file })).toEqual(['EINVAL'])
      expect(kernel.readFile(file)).toBe('')
    } finally {
      stage.must({ type: 'file.delete', path: file }, { type: 'directory.delete', path: folder })
    }
    const path = stage.namespace('one')
    expect(stage.change({ type: 'namespace.add', path })).toEqual(['EEXIST'])
    expect(stage.change({ type: 'namespace.add', path: stage.path('no/one') })).toEqual(['ENOENT'])
    expect(stage.change({ type: 'namespace.delete', path: stage.path('none') })).toEqual(['ENOENT'])
  })

  test('a question about one that is missing says so', () => {
    const stage = newStage()
    const { kernel } = stage
    const where = stage.path('none')
    const questions = [
      () => kernel.links(where),
      () => kernel.addresses(where),
      () => kernel.routes(where),
      () => kernel.rules(where),
      () => kernel.neighbours(where),
      () => kernel.lookUpRoute(where, { destination: '10.0.0.1' }),
      () => kernel.sysctl(where, 'net.ipv4.ip_forward'),
      () => kernel.sysctlNames(where, 'net.ipv4.conf'),
      () => kernel.ruleset(where),
      () => kernel.rulesetGeneration(where),
    ]
    for (const question of questions) {
      expect(question).toThrow(NamespaceError)
      expect(question).toThrow('missing')
    }
  })

  test('a change in one that is missing fails, and what was to be sent with it is not tried', () => {
    const stage = newStage()
    const where = stage.path('none')
    const up = { type: 'link.set', where, name: 'lo', index: 1, up: true } as const
    const outcomes = stage.kernel.change([up, up])
    expect(outcomes[0]).toBeInstanceOf(ChangeError)
    expect((outcomes[0] as ChangeError).cause).toBeInstanceOf(NamespaceError)
    expect(outcomes[1]).toBe('not-tried')
    const one = stage.namespace('one')
    const cable = veth({ where: one, name: 'left', index: 10 }, { where, name: 'right', index: 20 })
    expect(stage.change(cable)).toEqual(['NamespaceError'])
    expect(stage.kernel.links(one).length).toBe(1)
  })

  test('another one under the same path is noticed', () => {
    const stage = newStage()
    const { kernel } = stage
    const other = stage.open()
    const where = stage.namespace('one')
    stage.must({ type: 'link.set', where, name: 'lo', index: 1, up: true })
    const before = kernel.namespaceIdentity(where)
    expect(stage.link(where, 'lo')?.up).toBe(true)
    const replaced = other.change([
      { type: 'namespace.delete', path: where },
      { type: 'namespace.add', path: where },
    ])
    expect(replaced).toEqual(['done', 'done'])
    expect(kernel.namespaceState(where)).toBe('present')
    expect(kernel.namespaceIdentity(where)).not.toBe(before as string)
    expect(stage.link(where, 'lo')?.up).toBe(false)
  })

  test('one that is held stays, wherever its path leads', () => {
    const stage = newStage()
    const { kernel } = stage
    const other = stage.open()
    const where = stage.namespace('one')
    expect(kernel.holdNamespace(stage.path('none'))).toBe('missing')
    expect(kernel.holdNamespace(where)).toBe('present')
    expect(kernel.namespaceState(where)).toBe('present')
    const before = kernel.namespaceIdentity(where)
    expect(other.change([{ type: 'namespace.delete', path: where }])).toEqual(['done'])
    expect(kernel.namespaceState(where)).toBe('missing')
    expect(other.change([{ type: 'namespace.add', path: where }])).toEqual(['done'])
    expect(kernel.namespaceState(where)).toBe('another')
    expect(kernel.namespaceIdentity(where)).toBe(before as string)
    stage.must({ type: 'link.set', where, name: 'lo', index: 1, up: true })
    expect(stage.link(where, 'lo')?.up).toBe(true)
    expect(other.links(where)[0]?.up).toBe(false)
    expect(other.namespaceIdentity(where)).not.toBe(before as string)
    expect(other.change([{ type: 'namespace.delete', path: where }])).toEqual(['done'])
  })

  test('with one its links end, and the other ends of its cables', async () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    expect(stage.kernel.links(left.where).length).toBe(2)
    stage.must({ type: 'namespace.delete', path: right.where })
    await until(() => stage.kernel.links(left.where).length === 1)
  })
}
