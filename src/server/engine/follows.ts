import { NatspaceError } from '../../space/errors.ts'
import type { Follow, ServerEvent } from '../protocol.ts'
import { Followed, type FollowedOptions } from './followed.ts'
import { summary } from './walk/walk-ring.ts'

/** Flows of so many spaces are followed at once. */
const mostFollows = 4
/** Milliseconds between two turns, at least; a turn that takes longer is followed by as long a pause. */
const turnEvery = 10

/** All follows, each read in turns; what they bring is pushed. */
export class Follows implements Disposable {
  readonly #push: (event: ServerEvent) => void
  /** What a follow throws that nobody waits for, in words. */
  readonly #words: (error: unknown) => string
  readonly #follows = new Map<string, { followed: Followed; ring: FollowedOptions['ring'] }>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #given = 0

  constructor(push: (event: ServerEvent) => void, words: (error: unknown) => string) {
    this.#push = push
    this.#words = words
  }

  get list(): Follow[] {
    return [...this.#follows.values()].map(({ followed }) => followed.follow)
  }

  /** Throws NatspaceError TOO_MANY_FOLLOWS, and as FlowFollower. */
  open(options: Omit<FollowedOptions, 'request'> & { request: Omit<Follow, 'id' | 'seen'> }): Follow {
    if (this.#follows.size >= mostFollows) {
      options.kernel[Symbol.dispose]()
      throw new NatspaceError({
        code: 'TOO_MANY_FOLLOWS',
        exit: 1,
        what: 'cannot follow more flows',
        why: `${mostFollows} follows are under way, and each costs the host some work`,
        fix: ['end one of them'],
      })
    }
    const id = `follow-${++this.#given}`
    let followed: Followed
    try {
      followed = new Followed({ ...options, request: { id, ...options.request } })
    } catch (error) {
      options.kernel[Symbol.dispose]()
      throw error
    }
    this.#follows.set(id, { followed, ring: options.ring })
    this.#schedule()
    return followed.follow
  }

  /** Throws NatspaceError NO_SUCH_FOLLOW. */
  close(id: string): void {
    if (!this.#follows.has(id))
      throw new NatspaceError({
        code: 'NO_SUCH_FOLLOW',
        exit: 1,
        what: 'cannot end that follow',
        why: 'it is over already, or never was',
      })
    this.#end(id)
  }

  /** Ends all, as nobody listens any more. */
  closeAll(): void {
    for (const id of this.#follows.keys()) this.#end(id)
  }

  #end(id: string): void {
    const found = this.#follows.get(id)
    this.#follows.delete(id)
    found?.followed[Symbol.dispose]()
  }

  #schedule(pause = turnEvery): void {
    if (this.#timer !== undefined || this.#follows.size === 0) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      const begun = performance.now()
      for (const id of this.#follows.keys()) this.#turn(id)
      this.#schedule(Math.max(turnEvery, performance.now() - begun))
    }, pause)
  }

  #turn(id: string): void {
    const found = this.#follows.get(id)
    if (found === undefined) return
    const { followed, ring } = found
    try {
      for (const news of followed.turn())
        if (news.type === 'walk') {
          ring.add(news.walk)
          this.#push({ type: 'walk', follow: id, walk: summary(news.walk) })
        } else if (news.type === 'ended') this.#over(id, news.why)
        else if (news.type === 'sampled') this.#push({ ...news, follow: id })
        else this.#push(news)
    } catch (error) {
      // Nobody waits for the answer: it is told to those who listen, and the follow is over.
      this.#over(id, this.#words(error))
    }
  }

  #over(id: string, why: string): void {
    this.#end(id)
    this.#push({ type: 'follow-ended', follow: id, why })
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.closeAll()
  }
}
