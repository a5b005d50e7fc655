import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * Theory of operation. The printed link carries a token behind its '#', which no browser sends to any server and no
 * proxy notes. The page posts it once and gets a cookie; from then on the token is worth nothing, so that a link
 * that stays in a scrollback or is looked at over a shoulder opens nothing. Another browser needs a new link, and asking for
 * one takes the terminal, or a signal to the process: what only the user has. Tokens and cookies have 256 random bits and
 * are compared by their digests in constant time; guessing is slowed all the same, as nobody guesses in good faith.
 */

/** Wrong tokens in a minute after which more of them are not even looked at. A right one always is. */
const mostWrong = 20
const minute = 60_000
/** Browsers that are let in; the one that came first is let go for a new one. */
const mostSessions = 16

export type Verdict = 'right' | 'wrong' | 'too many'

/** Who may ask the API: the one token that still opens, and the sessions that it opened. */
export class Door {
  readonly #now: () => number
  #token: Buffer | undefined
  readonly #sessions: { digest: Buffer; user: number | undefined }[] = []
  readonly #wrong: number[] = []

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** A new token; the one before opens nothing any more. 43 characters of base64url. */
  newToken(): string {
    const token = secret()
    this.#token = digest(token)
    return token
  }

  /** Takes the token back, if it was not used: it opens nothing any more. */
  forgetToken(): void {
    this.#token = undefined
  }

  /** Whether the token opens; a right one is used up by that. */
  tryToken(token: string): Verdict {
    if (this.#token !== undefined && timingSafeEqual(this.#token, digest(token))) {
      this.#token = undefined
      return 'right'
    }
    const now = this.#now()
    while ((this.#wrong[0] ?? now) < now - minute) this.#wrong.shift()
    if (this.#wrong.length >= mostWrong) return 'too many'
    this.#wrong.push(now)
    return 'wrong'
  }

  /** A new session for a user of this machine, or for somebody from afar: the value of its cookie. */
  newSession(user: number | undefined): string {
    const session = secret()
    if (this.#sessions.length >= mostSessions) this.#sessions.shift()
    this.#sessions.push({ digest: digest(session), user })
    return session
  }

  /** Whether it is a session, and of this user. */
  hasSession(session: string, user: number | undefined): boolean {
    const wanted = digest(session)
    // Every one is compared, so that the time tells nothing.
    const [found] = this.#sessions.filter(known => timingSafeEqual(known.digest, wanted))
    return found !== undefined && found.user === user
  }
}

const secret = (): string => randomBytes(32).toString('base64url')

/** Of equal length whatever the text, as the comparison needs it; and memory holds no value that opens anything. */
export const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The value of a cookie in a Cookie header; undefined when it is not there, or twice. RFC 6265, section 4.2.1. */
export const cookieValue = (header: string | undefined, name: string): string | undefined => {
  const values = (header ?? '').split(';').flatMap(part => {
    const [key, ...value] = part.trim().split('=')
    return key === name ? [value.join('=')] : []
  })
  return values.length === 1 ? values[0] : undefined
}
