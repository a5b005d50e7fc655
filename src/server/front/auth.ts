import { timingSafeEqual } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import { digest } from './door.ts'

/** What --auth demands of every request: HTTP Basic with this name and password, or this bearer token (RFC 7617, 6750). */
export type Secret = { basic: Buffer } | { bearer: Buffer }

const shortest = 16
const longest = 1024

/**
 * Reads the file of --auth: one line, NAME:PASSWORD or a token. Throws NatspaceError BAD_AUTH_FILE when it can be read by
 * others, is another's, or its secret is short enough to be guessed.
 */
export const readSecret = (path: string): Secret => {
  const refuse = (why: string, fix: string[] = []): NatspaceError =>
    new NatspaceError({
      code: 'BAD_AUTH_FILE',
      exit: 2,
      what: `cannot use the file ${quote(path)} for --auth`,
      why,
      fix: [...fix, `umask 077; printf '%s\\n' "me:$(openssl rand -hex 16)" > FILE`],
    })
  let text: string
  try {
    const { mode, uid } = lstatSync(path)
    if ((mode & 0o170000) !== 0o100000) throw refuse('it is no regular file')
    if ((mode & 0o077) !== 0) throw refuse('others may read or change it', [`chmod 600 ${path}`])
    if (uid !== 0 && uid !== process.getuid?.()) throw refuse(`it belongs to another user, ${uid}`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof NatspaceError) throw error
    throw refuse((error as Error).message)
  }
  const line = text.replace(/\r?\n$/, '')
  if (!/^[\x20-\x7e]+$/.test(line)) throw refuse('it is not one line of printable ASCII')
  const colon = line.indexOf(':')
  const secret = line.slice(colon + 1)
  if (secret.length < shortest || line.length > longest)
    throw refuse(`its secret has ${secret.length} characters; ${shortest} are the fewest`)
  if (colon < 0) return { bearer: digest(line) }
  if (colon === 0) throw refuse('the name before the colon is empty')
  return { basic: digest(line) }
}

/** What a browser or a program is told to send. */
export const challenge = (secret: Secret): string =>
  'basic' in secret ? 'Basic realm="natspace", charset="UTF-8"' : 'Bearer realm="natspace"'

/** Whether an Authorization header carries the secret. In constant time. */
export const isAuthorized = (secret: Secret, header: string | undefined): boolean => {
  const [, scheme = '', value = ''] = /^(basic|bearer) +([\w.~+/=-]+)$/i.exec(header ?? '') ?? []
  const isBasic = scheme.toLowerCase() === 'basic'
  const given = digest(isBasic ? Buffer.from(value, 'base64').toString('utf8') : value)
  const isRight = timingSafeEqual(given, 'basic' in secret ? secret.basic : secret.bearer)
  return isRight && isBasic === 'basic' in secret && value !== ''
}

/** Wrong secrets from one address in a minute, after which it is not listened to for the rest of it. */
const mostWrong = 10
const minute = 60_000
/** Addresses that are remembered; the one that came first is forgotten for a new one. */
const mostAddresses = 4096

/** Counts wrong secrets by address: unlike a token, a password can be guessed. */
export class WrongSecrets {
  readonly #now: () => number
  readonly #byAddress = new Map<string, { since: number; count: number }>()

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Whether the address has guessed too often. */
  isShut(address: string): boolean {
    const entry = this.#byAddress.get(address)
    return entry !== undefined && this.#now() - entry.since < minute && entry.count >= mostWrong
  }

  note(address: string): void {
    const now = this.#now()
    const entry = this.#byAddress.get(address)
    if (entry !== undefined && now - entry.since < minute) {
      entry.count += 1
      return
    }
    this.#byAddress.delete(address)
    const [first] = this.#byAddress.keys()
    if (first !== undefined && this.#byAddress.size >= mostAddresses) this.#byAddress.delete(first)
    this.#byAddress.set(address, { since: now, count: 1 })
  }
}
