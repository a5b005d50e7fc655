/** Who the server is, and the way to it: the session, then its greeting, then the stream. */
import { get, type Readable, type Writable, writable } from 'svelte/store'
import type { Hello } from '../../../src/server/protocol.ts'
import { ApiError, api, failureOf } from './api.ts'
import { t } from './language.ts'
import { takeToken } from './session.ts'
import { openStream } from './stream.ts'

/** As protocolVersion in src/server/protocol.ts, of which the page imports types alone; a test compares them. */
export const pageVersion = 1

export type Greeting =
  | { state: 'waiting' }
  | { state: 'greeted'; hello: Hello }
  | { state: 'refused' }
  | { state: 'failed'; error: ReturnType<typeof failureOf> }

const store: Writable<Greeting> = writable({ state: 'waiting' })
export const greeting: Readable<Greeting> = store

const refuses = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 401 || error.status === 403)

/** Opens the session, asks who is there, and follows what happens. */
export async function greet(): Promise<void> {
  const token = takeToken()
  store.set({ state: 'waiting' })
  try {
    // A token that has been used is no failure where this browser holds the cookie: the greeting decides.
    if (token !== undefined)
      await api.session(token).catch(error => {
        if (!(error instanceof ApiError) || error.status === 0) throw error
      })
    store.set({ state: 'greeted', hello: await api.hello() })
  } catch (error) {
    store.set(refuses(error) ? { state: 'refused' } : { state: 'failed', error: failureOf(error) })
    return
  }
  openStream(async () => {
    try {
      store.set({ state: 'greeted', hello: await api.hello() })
      return undefined
    } catch (error) {
      return refuses(error) ? get(t).frame.noSessionWhy : undefined
    }
  })
}
