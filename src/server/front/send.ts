import type { ServerResponse } from 'node:http'
import { onlyHeader, type RequestFacts } from './guard.ts'
import { securityHeaders } from './headers.ts'
import type { Page } from './page.ts'
import { Refusal } from './refusal.ts'

type Headers = Readonly<Record<string, string>>

/** Sends a whole answer; what is not said otherwise is not to be kept by anybody. */
export const send = (
  response: ServerResponse,
  status: number,
  headers: Headers,
  body: string | Uint8Array,
): void => {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const length = status === 204 || status === 304 ? {} : { 'content-length': String(bytes.length) }
  response.writeHead(status, { 'cache-control': 'no-store', ...securityHeaders, ...headers, ...length })
  response.end(bytes)
}

export const sendJson = (
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Headers = {},
): void => send(response, status, { 'content-type': 'application/json', ...headers }, JSON.stringify(value))

/** Sends a file of the page, or says that the browser has it. Throws Refusal 404 and 405. */
export const sendPageFile = (
  page: Page,
  path: string,
  request: RequestFacts,
  response: ServerResponse,
): void => {
  const file = page.get(path === '/index.html' ? '/' : path)
  if (file === undefined) throw new Refusal(404, 'NOT_FOUND', 'there is nothing of that name')
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'this cannot be done with it', {
      headers: { allow: 'GET, HEAD' },
    })
  const headers = {
    etag: file.etag,
    'cache-control': file.forever ? 'private, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
  }
  if (onlyHeader(request, 'if-none-match') === file.etag) {
    send(response, 304, headers, '')
    return
  }
  const gzip = takesGzip(onlyHeader(request, 'accept-encoding'))
  const about = { ...headers, 'content-type': file.type, ...(gzip ? { 'content-encoding': 'gzip' } : {}) }
  send(response, 200, about, gzip ? file.gzip : file.plain())
}

/** Whether an Accept-Encoding header names gzip, and not with a weight of nothing. RFC 9110, section 12.5.3. */
export const takesGzip = (header = ''): boolean =>
  header.split(',').some(part => {
    const [coding, weight = 'q=1'] = part.split(';').map(text => text.trim().toLowerCase())
    return coding === 'gzip' && !/^q=0(?:\.0*)?$/.test(weight)
  })
