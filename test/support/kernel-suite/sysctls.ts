import { expect, test } from 'bun:test'
import { interfaceSysctl } from '../../../src/linux/sysctl.ts'
import { type NewStage, veth } from './stage.ts'

const forward = 'net.ipv4.ip_forward'

export function sysctlTests(newStage: NewStage): void {
  test('those that do not exist are undefined, and cannot be written', () => {
    const stage = newStage()
    const { kernel } = stage
    const where = stage.namespace('one')
    expect(kernel.sysctl(where, 'net.ipv4.nothing')).toBeUndefined()
    expect(kernel.sysctl(where, 'net.ipv4.conf.none.forwarding')).toBeUndefined()
    expect(kernel.sysctlNames(where, 'net.ipv4.nothing')).toEqual([])
    expect(stage.change({ type: 'sysctl.set', where, key: 'net.ipv4.nothing', value: '1' })).toEqual([
      'ENOENT',
    ])
    expect(stage.change({ type: 'sysctl.set', where, key: forward, value: 'on' })).toEqual(['EINVAL'])
  })

  test('those of the machine are the same everywhere', () => {
    const stage = newStage()
    const { kernel } = stage
    const where = stage.namespace('one')
    const id = kernel.sysctl(undefined, 'kernel.random.boot_id')
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(kernel.sysctl(where, 'kernel.random.boot_id')).toBe(id as string)
    expect(kernel.sysctl(where, 'kernel.ostype')).toBe('Linux')
  })

  test('each namespace has its own', () => {
    const stage = newStage()
    const [one, two] = [stage.namespace('one'), stage.namespace('two')]
    for (const where of [one, two]) stage.must({ type: 'sysctl.set', where, key: forward, value: '0' })
    stage.must({ type: 'sysctl.set', where: one, key: forward, value: '1' })
    expect([one, two].map(where => stage.kernel.sysctl(where, forward))).toEqual(['1', '0'])
  })

  test('turning forwarding writes every switch, the default, and the redirects of all', () => {
    const stage = newStage()
    const { left } = stage.cable()
    const { where } = left
    const keys = ['all', 'default', 'left', 'lo'].map(name => interfaceSysctl('ipv4', name, 'forwarding'))
    const read = () => keys.map(key => stage.kernel.sysctl(where, key)).join('')
    const redirects = () =>
      ['all', 'default', 'left'].map(name =>
        stage.kernel.sysctl(where, interfaceSysctl('ipv4', name, 'accept_redirects')),
      )
    const set = (key: string, value: string) => stage.must({ type: 'sysctl.set', where, key, value })
    set(forward, '0')
    set(interfaceSysctl('ipv4', 'all', 'accept_redirects'), '1')
    expect([read(), ...redirects()]).toEqual(['0000', '1', '1', '1'])
    set(forward, '1')
    expect([read(), ...redirects()]).toEqual(['1111', '0', '1', '1'])
    set(interfaceSysctl('ipv4', 'left', 'forwarding'), '0')
    expect(read()).toBe('1101')
    // No change, so nothing else is written.
    set(forward, '1')
    expect(read()).toBe('1101')
    set(interfaceSysctl('ipv4', 'all', 'forwarding'), '0')
    expect([read(), ...redirects()]).toEqual(['0000', '1', '1', '1'])
    expect(stage.kernel.sysctl(where, forward)).toBe('0')
  })

  test('a new link takes its values from the default', () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    const { where } = left
    const set = (key: string, value: string) => stage.must({ type: 'sysctl.set', where, key, value })
    set('net.ipv4.conf.left.send_redirects', '0')
    stage.must({
      type: 'address.add',
      where: right.where,
      name: 'right',
      index: 20,
      address: '10.0.0.1',
      prefixLength: 24,
    })
    for (const end of [left, right])
      stage.must({ type: 'sysctl.set', where: end.where, key: 'net.ipv4.conf.default.rp_filter', value: '2' })
    set('net.ipv4.conf.default.send_redirects', '1')
    const filter = (end: string, name: string) =>
      stage.kernel.sysctl(end, interfaceSysctl('ipv4', name, 'rp_filter'))
    // Without an address a link still follows, where nobody wrote to it.
    expect(filter(where, 'left')).toBe('2')
    expect(filter(right.where, 'right')).toBe('0')
    expect(stage.kernel.sysctl(where, 'net.ipv4.conf.left.send_redirects')).toBe('0')
    stage.must(veth({ where, name: 'new.1', index: 30 }, { where: right.where, name: 'new', index: 31 }))
    expect(filter(where, 'new.1')).toBe('2')
    expect(stage.kernel.sysctlNames(where, 'net.ipv4.conf')).toEqual([
      'all',
      'default',
      'left',
      'lo',
      'new/1',
    ])
    stage.must({ type: 'link.delete', where, name: 'new.1', index: 30 })
    expect(filter(where, 'new.1')).toBeUndefined()
  })

  test('a link with a small MTU has no IPv6', () => {
    const stage = newStage()
    const { left } = stage.cable()
    const key = interfaceSysctl('ipv6', 'left', 'disable_ipv6')
    expect(stage.kernel.sysctl(left.where, key)).toBe('1')
    stage.must({ type: 'link.set', ...left, mtu: 1279 })
    expect(stage.kernel.sysctl(left.where, key)).toBeUndefined()
    stage.must({ type: 'link.set', ...left, mtu: 1280 })
    expect(stage.kernel.sysctl(left.where, key)).toBe('0')
  })

  test('switches of IPv6 that are turned for all', () => {
    const stage = newStage()
    const { left } = stage.cable({ ipv6: true })
    const { where } = left
    for (const leaf of ['disable_ipv6', 'forwarding']) {
      stage.must({ type: 'sysctl.set', where, key: `net.ipv6.conf.all.${leaf}`, value: '1' })
      const read = ['default', 'left', 'lo'].map(name =>
        stage.kernel.sysctl(where, interfaceSysctl('ipv6', name, leaf)),
      )
      expect({ leaf, read }).toEqual({ leaf, read: ['1', '1', '1'] })
    }
  })
}
