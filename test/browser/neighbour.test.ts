/**
 * What another page can do in a browser that has been let in: nothing. The neighbour is served from another port of the
 * same address, which to a browser is the same site, so it sends the session's cookie along: no other origin has more.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ask, labPage } from '../support/browser.ts'

const lab = labPage()
const neighbour = createServer((request, response) => {
  cookies.push(request.headers.cookie ?? '')
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><title>neighbour</title><body></body>')
})
const cookies: string[] = []
let address = ''
beforeAll(async () => {
  await new Promise<void>(resolve => {
    neighbour.listen(0, '127.0.0.1', resolve)
  })
  address = `http://127.0.0.1:${(neighbour.address() as AddressInfo).port}`
})
afterAll(() => {
  neighbour.closeAllConnections()
  neighbour.close()
})

test('a neighbour of the page can neither read, nor send, nor frame', async () => {
  const page = await lab.open('topology')
  const { origin } = new URL(page.url())
  const context = page.context()
  const evil = await context.newPage()
  // Below /api, where the cookie goes.
  await evil.goto(`${address}/api/`)
  expect(cookies.join()).toMatch(/natspace-\d+=/)
  const statuses: string[] = []
  evil.on('response', answer => {
    const { pathname } = new URL(answer.url())
    if (answer.url().startsWith(origin))
      statuses.push(`${answer.request().method()} ${pathname} ${answer.status()}`)
  })
  const seen = await evil.evaluate(async ours => {
    const outcome = (work: Promise<unknown>) =>
      work.then(
        value => `it worked: ${String(value)}`,
        () => 'refused',
      )
    const loads = (element: HTMLElement) =>
      new Promise<string>(resolve => {
        element.onload = () => resolve('it worked')
        element.onerror = () => resolve('refused')
        document.body.append(element)
      })
    const made = <T extends HTMLElement>(name: string, fields: Partial<T>): T =>
      Object.assign(document.createElement(name), fields) as T
    const json = { 'content-type': 'application/json' }
    const body = '{"without":8}'
    const stream = new Promise<string>(resolve => {
      const source = new EventSource(`${ours}/api/events`, { withCredentials: true })
      source.onmessage = () => resolve('it worked')
      source.onerror = () => resolve('refused')
    })
    const text = (init: RequestInit, path: string) =>
      fetch(`${ours}${path}`, { credentials: 'include', ...init }).then(answer => answer.text())
    return {
      read: await outcome(text({}, '/api/hello')),
      readPage: await outcome(text({}, '/')),
      readOpaque: await outcome(
        text({ mode: 'no-cors' }, '/api/hello').then(got => (got === '' ? Promise.reject(new Error()) : got)),
      ),
      sendJson: await outcome(text({ method: 'POST', headers: json, body }, '/api/lab')),
      sendPlain: await outcome(
        text({ method: 'POST', mode: 'no-cors', body }, '/api/lab').then(got =>
          got === '' ? Promise.reject(new Error()) : got,
        ),
      ),
      script: await loads(made<HTMLScriptElement>('script', { src: `${ours}/api/hello` })),
      picture: await loads(made<HTMLImageElement>('img', { src: `${ours}/api/hello` })),
      stream: await stream,
    }
  }, origin)
  expect(new Set(Object.values(seen))).toEqual(new Set(['refused']))
  expect(statuses).not.toContainEqual(expect.stringMatching(/ 20\d$/))

  // A frame and a form leave the page: what they lead to says no.
  await evil.evaluate(ours => {
    const frame = document.createElement('iframe')
    frame.src = `${ours}/`
    document.body.append(frame)
  }, origin)
  const frame = await evil.waitForSelector('iframe').then(element => element.contentFrame())
  await frame?.waitForLoadState().catch(() => undefined)
  expect(await frame?.$('#page')).toBeNull()
  const [answer] = await Promise.all([
    evil.waitForResponse(`${origin}/api/lab`),
    evil.evaluate(ours => {
      const form = document.createElement('form')
      Object.assign(form, { method: 'post', action: `${ours}/api/lab`, enctype: 'text/plain' })
      document.body.append(form)
      form.submit()
    }, origin),
  ])
  expect(answer.status()).toBe(403)
  expect(await ask(page, 'GET', '/api/lab')).toMatchObject({ without: null })
  await context.close()
})

test('a page of another site may link to it, and no more', async () => {
  const context = await lab.browser().newContext()
  const page = await context.newPage()
  const url = await lab.link()
  await page.goto(`${address}/`)
  await page.evaluate(target => {
    location.href = target
  }, url)
  await page.waitForSelector('main h1')
  await page.waitForSelector('.connection.connected')
  expect(await page.evaluate('document.cookie')).toBe('')
  expect(await page.evaluate('window.opener')).toBeNull()
  await context.close()
})
