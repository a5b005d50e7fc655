import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { challenge, isAuthorized, type Secret, type WrongSecrets } from './auth.ts'
import { readJson } from './body.ts'
import { cookieValue, type Door } from './door.ts'
import { type EngineClient, EngineFailure } from './engine-client.ts'
import type { EventHub } from './events.ts'
import { type Allowed, checkSource, onlyHeader, type RequestFacts } from './guard.ts'
import type { Page } from './page.ts'
import { peerUser } from './peer.ts'
import { Refusal } from './refusal.ts'
import { findRoute, type Route } from './routes.ts'
import { send, sendJson, sendPageFile } from './send.ts'

/** What the server works with, once everything is started. */
export type FrontParts = {
  allowed: Allowed
  port: number
  tls: boolean
  engine: EngineClient
  hub: EventHub
  door: Door
  page: Page
  allowChanges: boolean
  secret: Secret | undefined
  wrongSecrets: WrongSecrets
  /** Called when a browser has used the token. */
  onSession(): void
}

/** One request and its response. */
export type Exchange = {
  message: IncomingMessage
  request: RequestFacts
  response: ServerResponse
  parts: FrontParts
}

/** Milliseconds that the answer to a wrong token or secret waits. */
const penalty = 300

/** Cookies know no ports, so the name has it: two servers must not take each other's. */
const cookieName = ({ port }: FrontParts): string => `natspace-${port}`

/**
 * Answers a request. In this order: does it come from here; does it carry the secret, where there is one; is there such a
 * thing; has the browser been let in; may it be done. Throws Refusal and EngineFailure.
 */
export const answer = async (exchange: Exchange): Promise<void> => {
  const { request, response, parts } = exchange
  checkSource(request, parts.allowed)
  await checkSecret(exchange)
  const [path = ''] = request.target.split('?')
  if (path !== '/api' && !path.startsWith('/api/')) {
    sendPageFile(parts.page, path, request, response)
    return
  }
  const { route, param } = findRoute(request.method, path)
  if (route.action.kind !== 'session') checkSession(exchange)
  await act(route, param, exchange)
}

const act = async (route: Route, param: string | undefined, exchange: Exchange): Promise<void> => {
  const { message, request, response, parts } = exchange
  const { action } = route
  if (route.changes && !parts.allowChanges)
    throw new Refusal(403, 'CHANGES_NOT_ALLOWED', 'this server only looks', {
      fix: ['start it with: sudo natspace ui --allow-changes'],
    })
  if (action.kind === 'events') {
    await parts.hub.open(response)
    return
  }
  const body = route.method === 'POST' ? await readJson(message, request, route.most) : {}
  if (action.kind === 'session') {
    await openSession(body, exchange)
    return
  }
  const params = action.param === undefined ? body : { [action.param]: param }
  const result = await parts.engine.askUnchecked(action.verb, params)
  if (action.status === 204) send(response, 204, {}, '')
  else sendJson(response, 200, result)
}

const openSession = async (
  { token }: Record<string, unknown>,
  { message, response, parts }: Exchange,
): Promise<void> => {
  const { door } = parts
  const verdict = door.tryToken(typeof token === 'string' ? token : '')
  if (verdict !== 'right') {
    await delay(penalty)
    const fix = ['press Enter where natspace ui runs, or send it SIGUSR1: it prints a new link']
    if (verdict === 'too many')
      throw new Refusal(429, 'WRONG_TOKEN', 'too many wrong tokens came in the last minute', { fix })
    throw new Refusal(401, 'WRONG_TOKEN', 'the link is wrong, or was used already', { fix })
  }
  parts.onSession()
  const secure = parts.tls ? '; Secure' : ''
  const session = door.newSession(peerUser(message.socket))
  const cookie = `${cookieName(parts)}=${session}; Path=/api; HttpOnly; SameSite=Strict${secure}`
  send(response, 204, { 'set-cookie': cookie }, '')
}

const checkSession = ({ message, request, parts }: Exchange): void => {
  const session = cookieValue(onlyHeader(request, 'cookie'), cookieName(parts))
  if (session === undefined || !parts.door.hasSession(session, peerUser(message.socket)))
    throw new Refusal(401, 'NO_SESSION', 'this browser has not been let in', {
      fix: ['open the link that natspace ui printed; press Enter where it runs for a new one'],
    })
}

const checkSecret = async ({ message, request, parts }: Exchange): Promise<void> => {
  const { secret, wrongSecrets } = parts
  if (secret === undefined) return
  const address = message.socket.remoteAddress ?? ''
  if (wrongSecrets.isShut(address))
    throw new Refusal(429, 'WRONG_SECRET', 'too many wrong secrets came from this address in the last minute')
  const given = onlyHeader(request, 'authorization')
  if (isAuthorized(secret, given)) return
  if (given !== undefined) {
    wrongSecrets.note(address)
    await delay(penalty)
  }
  throw new Refusal(401, 'WRONG_SECRET', 'it does not carry the secret of --auth', {
    headers: { 'www-authenticate': challenge(secret) },
  })
}

/** Says no: in the words of who refused, or as a mistake of ours. */
export const refuse = (message: IncomingMessage, response: ServerResponse, error: unknown): void => {
  // What is left of a body that nobody wants is not read: the connection ends with the answer.
  if (!message.complete) response.setHeader('connection', 'close')
  if (error instanceof Refusal) sendJson(response, error.status, { error: error.failure }, error.headers)
  else if (error instanceof EngineFailure) sendJson(response, error.status, { error: error.failure })
  else {
    const why = `this is a mistake in natspace itself: ${String(error)}`
    const failure = { code: 'INTERNAL', what: 'cannot answer this request', why, evidence: [], fix: [] }
    sendJson(response, 500, { error: failure })
  }
}
