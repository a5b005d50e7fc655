/**
 * What every `Kernel` must do, the real one and the one in memory: the same tests run on both, so that what holds on
 * the fake holds on Linux. Everything happens in namespaces that a test makes for itself and that are removed after it.
 */
import { afterEach, describe } from 'bun:test'
import type { Kernel } from '../../src/linux/kernel.ts'
import { addressTests } from './kernel-suite/addresses.ts'
import { changeTests } from './kernel-suite/changes.ts'
import { fileTests } from './kernel-suite/files.ts'
import { firewallTests } from './kernel-suite/firewall.ts'
import { flowTests } from './kernel-suite/flows.ts'
import { linkTests } from './kernel-suite/links.ts'
import { listenerTests } from './kernel-suite/listeners.ts'
import { namespaceTests } from './kernel-suite/namespaces.ts'
import { queueingDisciplineTests } from './kernel-suite/queueing-disciplines.ts'
import { routeTests } from './kernel-suite/routes.ts'
import { Stage } from './kernel-suite/stage.ts'
import { sysctlTests } from './kernel-suite/sysctls.ts'
import type { Listening } from './listen.ts'
import type { Track } from './track.ts'

/** A machine to be tested: `open` gives a kernel as another program on it would have it. */
export type TestMachine = {
  open: () => Kernel
  /** An existing folder for what the tests make. */
  folder: string
  /** Listens as a program of the machine, until it is disposed of. */
  listen: (listening: Listening) => Disposable
  /** Lets connection tracking know a flow. */
  track: Track
}

/** Declares the tests for one kind of kernel. */
export function kernelSuite(name: string, machine: () => TestMachine): void {
  describe(name, () => {
    let stage: Stage | undefined
    const newStage = (): Stage => {
      stage = new Stage(machine())
      return stage
    }
    afterEach(async () => {
      await stage?.clean()
      stage = undefined
    })
    describe('namespaces', () => namespaceTests(newStage))
    describe('links', () => linkTests(newStage))
    describe('addresses', () => addressTests(newStage))
    describe('routes', () => routeTests(newStage))
    describe('queueing disciplines', () => queueingDisciplineTests(newStage))
    describe('listeners', () => listenerTests(newStage))
    describe('sysctls', () => sysctlTests(newStage))
    describe('firewall', () => firewallTests(newStage))
    describe('flows', () => flowTests(newStage))
    describe('files', () => fileTests(newStage))
    describe('changes', () => changeTests(newStage))
  })
}
