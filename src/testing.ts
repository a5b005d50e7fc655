/**
 * For tests of what is built on natspace: a kernel in memory that behaves as the real one (both pass the same suite), and
 * one that refuses a chosen change; and a network of one's own for whatever needs a real one, without privilege.
 *
 * @example
 * ```ts
 * import { statePaths, up, validateSpec } from 'natspace/engine'
 * import { FakeKernel } from 'natspace/testing'
 *
 * const kernel = new FakeKernel()
 * kernel.addLink('eth0', { address: '192.168.1.32/24', gateway: '192.168.1.1' })
 * await up({ kernel, paths: statePaths() }, [validateSpec('web', {})])
 * ```
 * @module
 */

export { type FailingKernel, failingKernel } from './linux/failing.ts'
export { FakeKernel } from './linux/fake.ts'
export { runInSandbox, type SandboxOptions, type SandboxResult } from './testing/sandbox.ts'
