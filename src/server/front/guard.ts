import { Refusal } from './refusal.ts'

/** What of a request tells where it comes from; names of headers in lower case. */
export type RequestFacts = {
  method: string
  /** As it stands in the request line. */
  target: string
  /** All headers, name and value by turns, as they came: a second Host hides from a map. */
  rawHeaders: readonly string[]
}

/** The values of Host that are ours, and the scheme that makes one an Origin. */
export type Allowed = { hosts: ReadonlySet<string>; scheme: 'http' | 'https' }

/** The one value of a header. Throws Refusal when it is there twice: two readers of it could see two values. */
export const onlyHeader = ({ rawHeaders }: RequestFacts, name: string): string | undefined => {
  const values = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name)
  if (values.length > 1) throw new Refusal(400, 'BAD_REQUEST', `it has ${values.length} headers ${name}`)
  return values[0]
}

/**
 * Whether a request comes from our own page, or from the address bar: throws Refusal when it does not. Other sites
 * can make a browser send requests here, with whatever cookies it has; these headers are what their scripts cannot forge.
 */
export const checkSource = (request: RequestFacts, { hosts, scheme }: Allowed): void => {
  const { method, target } = request
  if (!target.startsWith('/') || target.startsWith('//'))
    throw new Refusal(400, 'BAD_REQUEST', 'its target is not a path')
  const host = onlyHeader(request, 'host')?.toLowerCase() ?? ''
  if (!hosts.has(host))
    throw new Refusal(421, 'WRONG_HOST', 'it is meant for another host than this', {
      evidence: [`Host: ${host.slice(0, 100)}`],
      fix: ['use the link as natspace ui printed it'],
    })
  const isRead = method === 'GET' || method === 'HEAD'
  const origin = onlyHeader(request, 'origin')
  if (origin === undefined ? !isRead : origin !== `${scheme}://${host}`)
    throw new Refusal(403, 'WRONG_ORIGIN', 'it does not come from the page that this server serves', {
      evidence: [`Origin: ${(origin ?? '').slice(0, 100)}`],
    })
  if (!isFromHere(request, isRead))
    throw new Refusal(403, 'WRONG_ORIGIN', 'another site made the browser send it', {
      evidence: [`Sec-Fetch-Site: ${onlyHeader(request, 'sec-fetch-site')?.slice(0, 100)}`],
    })
}

/**
 * Sec-Fetch-Site, where a browser sends it (W3C Fetch Metadata): our own page; the address bar, for what only reads;
 * and a link that somebody followed, to the page itself and in a window of its own.
 */
const isFromHere = (request: RequestFacts, isRead: boolean): boolean => {
  const site = onlyHeader(request, 'sec-fetch-site')
  if (site === undefined || site === 'same-origin') return true
  if (!isRead) return false
  if (site === 'none') return true
  const isPage = /^\/(?:\?|$)/.test(request.target)
  return (
    isPage &&
    onlyHeader(request, 'sec-fetch-mode') === 'navigate' &&
    onlyHeader(request, 'sec-fetch-dest') === 'document'
  )
}
