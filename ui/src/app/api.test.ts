import { expect, test } from 'bun:test'
import { ApiError, createApi, failureOf } from './api.ts'

type Call = { path: string; init: RequestInit }

const answering = (status: number, body: string) => {
  const calls: Call[] = []
  const api = createApi((path, init) => {
    calls.push({ path, init })
    return Promise.resolve(new Response(status === 204 ? null : body, { status }))
  })
  return { api, calls }
}

test('a body goes as JSON, and only with the verbs that may change something', async () => {
  const { api, calls } = answering(200, '{"id":"1"}')
  expect(await api.probe({ space: 'web', to: '192.0.2.1' })).toMatchObject({ id: '1' })
  await api.walk('a/b')
  expect(calls.map(({ path, init }) => `${init.method} ${path} ${init.body ?? ''}`)).toEqual([
    'POST /api/walks {"space":"web","to":"192.0.2.1"}',
    'GET /api/walks/a%2Fb ',
  ])
})

test('an empty answer is nothing', async () => {
  expect(await answering(204, '').api.session('t')).toBeUndefined()
})

test('what the server says about a failure is kept', async () => {
  const said = { code: 'SPEC-NAME', what: 'No', why: 'Because', evidence: ['a'], fix: ['b'] }
  const failed = await answering(422, JSON.stringify({ error: said }))
    .api.spec()
    .catch(error => error)
  expect(failed).toBeInstanceOf(ApiError)
  expect(failed.status).toBe(422)
  expect(failureOf(failed)).toEqual(said)
})

test('a failure that is no JSON is told as it is', async () => {
  const failed = await answering(502, '<html>bad')
    .api.spec()
    .catch(error => error)
  expect(failureOf(failed)).toMatchObject({ code: 'HTTP-502', what: '<html>bad' })
})

test('a server that does not answer has status 0', async () => {
  const api = createApi(() => Promise.reject(new TypeError('Failed to fetch')))
  expect(await api.hello().catch(error => error.status)).toBe(0)
})
