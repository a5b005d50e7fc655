/** What links tell of their settings is what the files below /proc/sys say. */
import { expect, test } from 'bun:test'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { toldSetting, toldSettings } from '../../src/linux/rtnetlink/interface-settings.ts'
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
    return Object.fromEntries(keys.map(key => [key, toldSetting(key, name => links.get(name))]))
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

test('what has no link, or is no setting of an interface, is not told', () => {
  const link = { name: 'nothing was noted for it' }
  for (const key of [
    'net.ipv4.ip_forward',
    'net.ipv4.conf.eth0.mc_forwarding',
    'net.ipv4.conf.eth0.toString',
  ])
    expect(toldSetting(key, () => link)).toBeUndefined()
  expect(toldSetting('net.ipv4.conf.eth0.rp_filter', () => undefined)).toBeUndefined()
})
