import { canonicalIp } from '../../linux/net/ip.ts'
import { parsePort } from '../../linux/net/port.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import type { FlowEnd } from '../walk/traced-flow.ts'
import { splitPort } from './target.ts'

/** Who begins a flow: `HOST[:PORT]`, or `any`, which gives an end of which nothing is known. Throws BAD_ORIGIN (exit 2). */
export const parseOrigin = (text: string): FlowEnd => {
  if (text === 'any') return {}
  const { host, portText } = splitPort(text)
  const address = canonicalIp(host)
  if (address === undefined) throw wrong(text, 'it is no address, and not the word any')
  if (portText === undefined) return { address }
  const port = parsePort(portText)
  if (port === undefined) throw wrong(text, 'a port is a number from 1 to 65535')
  return { address, port }
}

const wrong = (text: string, why: string): NatspaceError =>
  new NatspaceError({
    code: 'BAD_ORIGIN',
    exit: 2,
    what: `Cannot follow what comes from ${quote(text)}`,
    why,
    fix: [
      '--from 192.0.2.1, --from 192.0.2.1:40000 (its source port), --from any',
      "--from 2001:db8::1, --from '[2001:db8::1]:40000'",
    ],
  })
