/** The suite that the kernel in memory passes too, on the real one. */

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, readdirSync } from 'node:fs'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { kernelSuite } from '../support/kernel-suite.ts'
import { listen } from '../support/listen.ts'
import { openDescriptors, openedSince, requireSandbox } from '../support/sandbox.ts'
import { track } from '../support/track.ts'

requireSandbox()

const folder = '/run/natspace-kernel-suite'

beforeAll(() => {
  mkdirSync(folder, { recursive: true })
})

kernelSuite('the real kernel', () => ({ open: () => new LinuxKernel(), folder, listen, track }))

afterAll(() => {
  expect(readdirSync(folder)).toEqual([])
})

test('a kernel that is let go leaves no descriptor open, whatever it did', () => {
  const use = () => {
    using kernel = new LinuxKernel()
    const path = `${folder}/leak`
    kernel.change([
      { type: 'namespace.add', path },
      { type: 'namespace.add', path },
      { type: 'link.delete', where: path, name: 'none', index: 99 },
      { type: 'link.delete', where: `${path}-none`, name: 'none', index: 99 },
    ])
    kernel.namespaceState(path)
    kernel.links(path)
    kernel.ruleset(path)
    kernel.listeners(path)
    kernel.sysctl(path, 'net.ipv4.ip_forward')
    kernel.tryLock(`${folder}/lock`)?.[Symbol.dispose]()
    expect(
      kernel.change([
        { type: 'namespace.delete', path },
        { type: 'file.delete', path: `${folder}/lock` },
      ]),
    ).toEqual(['done', 'done'])
  }
  // The runtime opens descriptors of its own at first use.
  use()
  const before = openDescriptors()
  for (let i = 0; i < 20; i++) use()
  expect(openedSince(before)).toEqual([])
})
