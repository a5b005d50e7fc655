import { expect, test } from 'bun:test'
import type { Link } from '../../../src/linux/rtnetlink/link.ts'
import { type End, type NewStage, veth } from './stage.ts'

/** Without what happens by itself: packets are counted, and ids are given out as they are asked for. */
const lasting = (link: Link | undefined) => {
  const { counters: _, peerNamespaceId, ...rest } = link as Link
  return { ...rest, peerIsElsewhere: peerNamespaceId !== undefined }
}

export function linkTests(newStage: NewStage): void {
  test('a cable is made with both ends in their places, down', () => {
    const stage = newStage()
    const [one, two] = [stage.namespace('one'), stage.namespace('two')]
    stage.must(veth({ where: one, name: 'left', index: 10 }, { where: two, name: 'right', index: 20 }, 1400))
    const common = {
      kind: 'veth',
      mtu: 1400,
      up: false,
      carrier: false,
      loopback: false,
      alias: undefined,
      master: undefined,
      peerIsElsewhere: true,
      queueLength: 1000,
    }
    expect(lasting(stage.link(one, 'left'))).toEqual({
      ...common,
      index: 10,
      name: 'left',
      address: '02:00:00:00:01:0a',
      peer: 20,
    })
    expect(lasting(stage.link(two, 'right'))).toEqual({
      ...common,
      index: 20,
      name: 'right',
      address: '02:00:00:00:02:14',
      peer: 10,
    })
  })

  test('one that is asked for by its name is as it is in the list, and one that is not there is not', () => {
    const stage = newStage()
    const { left } = stage.cable()
    const [one] = stage.kernel.links(left.where, 'left').filter(({ name }) => name === 'left')
    expect(lasting(one)).toEqual(lasting(stage.link(left.where, 'left')))
    expect(stage.kernel.links(left.where, 'nobody').filter(({ name }) => name === 'nobody')).toEqual([])
  })

  test('a group that it is put into', () => {
    const stage = newStage()
    const { left } = stage.cable()
    expect(stage.link(left.where, 'left')).not.toHaveProperty('group')
    stage.must({ type: 'link.set', ...left, group: 0x2000_0007 })
    expect(stage.link(left.where, 'left')?.group).toBe(0x2000_0007)
    stage.must({ type: 'link.set', ...left, group: 0 })
    expect(stage.link(left.where, 'left')).not.toHaveProperty('group')
  })

  test('both ends may be in one namespace, or one on the host', () => {
    const stage = newStage()
    const where = stage.namespace('one')
    stage.must(veth({ where, name: 'left', index: 10 }, { where, name: 'right', index: 20 }))
    expect(stage.kernel.links(where).map(link => link.name)).toEqual(['lo', 'left', 'right'])
    expect(stage.link(where, 'left')).toMatchObject({ peer: 20, peerNamespaceId: undefined, mtu: 1500 })
    const host = { where: undefined, name: 'suite0', index: 4711 }
    stage.must(veth(host, { where, name: 'inner', index: 30 }))
    expect(stage.kernel.links(undefined).find(link => link.name === 'suite0')?.peer).toBe(30)
    stage.must({ type: 'link.delete', ...host })
    expect(stage.link(where, 'inner')).toBeUndefined()
  })

  test('names and indexes that are taken or impossible are refused, and nothing is left', () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    const end = (where: string, name: string, index: number): End => ({ where, name, index })
    const cases: [string, End, End, number?][] = [
      ['EEXIST', end(left.where, 'left', 11), end(right.where, 'new', 21)],
      ['EEXIST', end(left.where, 'new', 11), end(right.where, 'right', 21)],
      ['EEXIST', end(left.where, 'new', 10), end(right.where, 'new', 21)],
      ['EBUSY', end(left.where, 'new', 11), end(right.where, 'new', 20)],
      ['EEXIST', end(left.where, 'new', 11), end(left.where, 'new', 12)],
      ['EBUSY', end(left.where, 'new', 11), end(left.where, 'newer', 11)],
      ['EEXIST', end(left.where, 'lo', 11), end(right.where, 'new', 21)],
      ['ERANGE', end(left.where, 'sixteen-letters-', 11), end(right.where, 'new', 21)],
      ['EINVAL', end(left.where, 'a/b', 11), end(right.where, 'new', 21)],
      ['EINVAL', end(left.where, 'a b', 11), end(right.where, 'new', 21)],
      ['EINVAL', end(left.where, 'new', 11), end(right.where, 'new', 21), 67],
      ['EINVAL', end(left.where, 'new', 11), end(right.where, 'new', 21), 65536],
    ]
    for (const [code, one, other, mtu] of cases)
      expect({ one, other, mtu, code: stage.change(veth(one, other, mtu))[0] }).toEqual({
        one,
        other,
        mtu,
        code,
      })
    expect(stage.kernel.links(left.where).map(link => link.name)).toEqual(['lo', 'left'])
    expect(stage.kernel.links(right.where).map(link => link.name)).toEqual(['lo', 'right'])
  })

  test('a link is given an alias and an MTU, and loses the alias again', () => {
    const stage = newStage()
    const { left } = stage.cable()
    stage.must({ type: 'link.set', ...left, alias: 'natspace:ä', mtu: 1300 })
    expect(stage.link(left.where, 'left')).toMatchObject({ alias: 'natspace:ä', mtu: 1300 })
    stage.must({ type: 'link.set', ...left, alias: '' })
    expect(stage.link(left.where, 'left')).toMatchObject({ alias: undefined, mtu: 1300 })
  })

  test('a link is given another address, a queue, and the frames of others', () => {
    const stage = newStage()
    const { left } = stage.cable()
    expect(stage.link(left.where, 'left')?.promiscuous).toBeUndefined()
    const tuned = { address: '02:00:00:00:00:99', queueLength: 77 }
    stage.must({ type: 'link.set', ...left, ...tuned, promiscuous: true, allMulticast: true })
    expect(stage.link(left.where, 'left')).toMatchObject({ ...tuned, promiscuous: true, allMulticast: true })
    stage.must({ type: 'link.set', ...left, promiscuous: false, up: true })
    expect(stage.link(left.where, 'left')).toMatchObject({ ...tuned, up: true, allMulticast: true })
    expect(stage.link(left.where, 'left')?.promiscuous).toBeUndefined()
    expect(stage.change({ type: 'link.set', ...left, address: '01:00:00:00:00:99' })).toEqual([
      'EADDRNOTAVAIL',
    ])
  })

  test('there is a carrier when both ends are up', () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    const state = () =>
      [left, right].map(end => stage.link(end.where, end.name)).map(link => [link?.up, link?.carrier])
    stage.must({ type: 'link.set', ...left, up: true })
    expect(state()).toEqual([
      [true, false],
      [false, false],
    ])
    stage.must({ type: 'link.set', ...right, up: true })
    expect(state()).toEqual([
      [true, true],
      [true, true],
    ])
    stage.must({ type: 'link.set', ...left, up: false })
    expect(state()).toEqual([
      [false, false],
      [true, false],
    ])
  })

  test('a change that is impossible is refused', () => {
    const stage = newStage()
    const { left } = stage.cable()
    const set = (change: { mtu?: number; alias?: string; up?: boolean }, index = 10) =>
      stage.change({ type: 'link.set', ...left, index, ...change })[0]
    expect(set({ up: true }, 99)).toBe('ENODEV')
    expect(set({ mtu: 67 })).toBe('EINVAL')
    expect(set({ mtu: 65536, up: true })).toBe('EINVAL')
    expect(set({ alias: 'a'.repeat(256) })).toBe('ERANGE')
    expect(stage.link(left.where, 'left')).toMatchObject({ mtu: 1500, up: false, alias: undefined })
  })

  test('with one end of a cable the other goes', () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    stage.must({ type: 'link.delete', ...right })
    expect(stage.kernel.links(left.where).map(link => link.name)).toEqual(['lo'])
    expect(stage.change({ type: 'link.delete', ...left })).toEqual(['ENODEV'])
    expect(stage.change({ type: 'link.delete', where: left.where, name: 'lo', index: 1 })).toEqual([
      'EOPNOTSUPP',
    ])
  })
}
