/** What links tell of their settings is what the files below /proc/sys say. */
import { expect, test } from 'bun:test'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { interfaceOfKey, toldSetting, toldSettings } from '../../src/linux/rtnetlink/interface-settings.ts'
import { interfaceSysctl } from '../../src/linux/sysctl.ts'
import { ip, requireSandbox, run } from '../support/sandbox.ts'

requireSandbox()

test('every setting that is told, as it is and after it was changed', () => {
  ip('link add told0.7 type veth peer name told1')
  using kernel = new LinuxKernel()
  const keys = (['ipv4', 'ipv6'] as const).flatMap(protocol =>
    toldSettings[protocol].map(leaf => interfaceSysctl(protocol, 'told0.7', leaf)),
  )
  const told = () => {
    const links = new Map(kernel.links(undefined).map(link => [link.name, link]))
    return Object.fromEntries(
      keys.map(key => [key, toldSetting(key, links.get(interfaceOfKey(key) ?? '') ?? {})]),
    )
  }
  const read = () => Object.fromEntries(keys.map(key => [key, kernel.sysctl(undefined, key)]))
  const before = read()
  expect(told()).toEqual(before)
  for (const [key, value] of Object.entries(before)) {
    const other = value === '0' ? '1' : '0'
    run('sysctl', ['-q', '-w', `${key}=${other}`])
    expect(read()[key]).toBe(other)
    expect(told()).toEqual(read())
  }
  ip('link delete told0.7')
})

test('what was not noted, or is no setting of an interface, is not told', () => {
  for (const key of [
    'net.ipv4.ip_forward',
    'net.ipv4.conf.eth0.mc_forwarding',
    'net.ipv4.conf.eth0.toString',
  ])
    expect(toldSetting(key, {})).toBeUndefined()
  expect(toldSetting('net.ipv4.conf.eth0.rp_filter', {})).toBeUndefined()
  expect(interfaceOfKey('net.ipv4.ip_forward')).toBeUndefined()
  expect(interfaceOfKey('net.ipv6.conf.eth0/100.accept_ra')).toBe('eth0.100')
})
