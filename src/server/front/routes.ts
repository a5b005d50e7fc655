import type { Verb } from '../channel.ts'
import { Refusal } from './refusal.ts'

/** What the front does with a request: a question to the engine, or something of its own. */
export type Action =
  | { kind: 'ask'; verb: Verb; status: 200 | 204; param?: 'name' | 'id' }
  | { kind: 'session' }
  | { kind: 'events' }

export type Route = {
  method: 'GET' | 'POST' | 'DELETE'
  /** A last segment `:x` stands for any one. */
  path: string
  action: Action
  /** Bytes of the longest body. */
  most: number
  /** Only with --allow-changes. */
  changes?: true
}

const small = 16 * 1024
/** A spec file of the engine's longest, with its line ends escaped. */
const large = 3 * 1024 * 1024

const get = (path: string, verb: Verb, param?: 'name' | 'id'): Route => ({
  method: 'GET',
  path,
  action: { kind: 'ask', verb, status: 200, ...(param === undefined ? {} : { param }) },
  most: 0,
})
const post = (path: string, verb: Verb, most: number, changes = false): Route => ({
  method: 'POST',
  path,
  action: { kind: 'ask', verb, status: 200 },
  most,
  ...(changes ? { changes: true } : {}),
})

/** The whole API. Nothing with GET changes or sends anything. */
export const routes: readonly Route[] = [
  { method: 'POST', path: '/api/session', action: { kind: 'session' }, most: 1024 },
  { method: 'GET', path: '/api/events', action: { kind: 'events' }, most: 0 },
  get('/api/hello', 'hello'),
  get('/api/topology', 'topology'),
  get('/api/spaces/:', 'space', 'name'),
  get('/api/walks', 'walks'),
  get('/api/walks/:', 'walkById', 'id'),
  post('/api/walks', 'walk', small),
  post('/api/follows', 'follow', small),
  {
    method: 'DELETE',
    path: '/api/follows/:',
    action: { kind: 'ask', verb: 'unfollow', status: 204, param: 'id' },
    most: 0,
  },
  post('/api/doctor', 'doctor', small),
  get('/api/schema', 'schema'),
  get('/api/spec', 'spec'),
  post('/api/plan', 'plan', large),
  post('/api/apply', 'apply', large, true),
  post('/api/remove', 'remove', large, true),
  get('/api/lab', 'lab'),
  post('/api/lab', 'setLab', small),
]

/** The route of a path below /api, and what stands for its `:`. Throws Refusal: 404, 405, or 400 for a bad escape. */
export const findRoute = (method: string, path: string): { route: Route; param: string | undefined } => {
  const fitting = routes.flatMap(route => {
    const raw = fit(route.path, path)
    return raw === undefined ? [] : [{ route, raw }]
  })
  if (fitting.length === 0) throw new Refusal(404, 'NOT_FOUND', 'there is nothing of that name')
  const found = fitting.find(({ route }) => route.method === method)
  if (found === undefined)
    throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'this cannot be done with it', {
      headers: { allow: fitting.map(({ route }) => route.method).join(', ') },
    })
  return { route: found.route, param: found.raw === '' ? undefined : decode(found.raw) }
}

/** What stands for the `:` of a pattern, '' if it has none; undefined when the path is another. */
const fit = (pattern: string, path: string): string | undefined => {
  if (!pattern.endsWith(':')) return pattern === path ? '' : undefined
  const prefix = pattern.slice(0, -1)
  const raw = path.startsWith(prefix) ? path.slice(prefix.length) : ''
  return raw === '' || raw.includes('/') ? undefined : raw
}

const decode = (raw: string): string => {
  try {
    return decodeURIComponent(raw)
  } catch {
    // A lone % or no UTF-8: nobody but an attacker writes that.
    throw new Refusal(400, 'BAD_REQUEST', 'its path has an escape that is none')
  }
}
