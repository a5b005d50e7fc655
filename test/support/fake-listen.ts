/** As listen.ts, on a machine in memory. */
import type { FakeMachine } from '../../src/linux/fake/machine.ts'
import { FakeKernel } from '../../src/linux/fake.ts'
import type { Listening } from './listen.ts'

/** The `listen` of a machine in memory: its sockets are held by this process. */
export const fakeListen =
  (machine: FakeMachine) =>
  ({ device, where, ...facts }: Listening): Disposable => {
    const kernel = new FakeKernel(machine)
    const link = kernel.links(where).find(({ name }) => name === device)
    const { inode } = kernel.addListener(
      { ...facts, user: process.getuid?.() ?? -1, ...(link === undefined ? {} : { interface: link.index }) },
      { owner: { pid: process.pid, command: 'test' }, ...(where === undefined ? {} : { where }) },
    )
    return { [Symbol.dispose]: () => machine.removeListener(inode) }
  }
