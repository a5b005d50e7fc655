import { fakeListen } from '../../test/support/fake-listen.ts'
import { kernelSuite } from '../../test/support/kernel-suite.ts'
import { fakeTrack } from '../../test/support/track.ts'
import { FakeMachine } from './fake/machine.ts'
import { FakeKernel } from './fake.ts'

kernelSuite('the kernel in memory', () => {
  const machine = new FakeMachine()
  machine.files.makeFolder('/run/suite', 0o755)
  return {
    open: () => new FakeKernel(machine),
    folder: '/run/suite',
    listen: fakeListen(machine),
    track: fakeTrack(machine),
  }
})
