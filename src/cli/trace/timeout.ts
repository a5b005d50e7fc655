import { quote } from '../../space/spec/quote.ts'
import { usageError } from '../options.ts'

/** Seconds. */
const longest = 300

/** The seconds of --timeout (2 without it) in milliseconds. Throws NatspaceError BAD_NUMBER (exit 2). */
export const parseTimeout = (text = '2'): number => {
  const seconds = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (seconds > 0 && seconds <= longest) return seconds * 1000
  throw usageError(
    'BAD_NUMBER',
    `Cannot use --timeout ${quote(text)}`,
    `it is a number of seconds above 0, at most ${longest}`,
    ['write --timeout 5'],
  )
}
