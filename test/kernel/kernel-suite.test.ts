/** The suite that the kernel in memory passes too, on the real one. */

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdirSync, readdirSync } from 'node:fs'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { kernelSuite } from '../support/kernel-suite.ts'
import { openDescriptors, requireSandbox } from '../support/sandbox.ts'

requireSandbox()

const folder = '/run/natspace-kernel-suite'
let before = 0

beforeAll(() => {
  mkdirSync(folder, { recursive: true })
  // The runtime opens descriptors of its own at first use.
  using kernel = new LinuxKernel()
  kernel.readFolder(folder)
  kernel.links(undefined)
  before = openDescriptors()
})

kernelSuite('the real kernel', () => ({ open: () => new LinuxKernel(), folder }))

afterAll(() => {
  expect(readdirSync(folder)).toEqual([])
})

test('no descriptor is left open', () => {
  expect(openDescriptors()).toBe(before)
})
