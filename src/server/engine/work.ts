import { NatspaceError } from '../../space/errors.ts'

/** Questions that wait for their turn; a person asks one at a time. */
const mostWaiting = 16

/** Work that must not overlap: one after another, in the order in which it was asked for. */
export class WorkQueue {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** Runs it when all before it is over, however that ended. Throws NatspaceError BUSY, and what `work` throws. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= mostWaiting)
      throw new NatspaceError({
        code: 'BUSY',
        exit: 5,
        what: 'cannot do that now',
        why: `${mostWaiting} questions wait already, and one is answered at a time`,
        fix: ['try again in a moment'],
      })
    this.#waiting++
    const turn = this.#last.then(work)
    // How it ends is told to whoever asked; the next begins in any case.
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#waiting--
    }
  }

  /** Resolves when all that was asked for is over. */
  async idle(): Promise<void> {
    await this.#last
  }
}
