/** The server's stream of events, opened again when it breaks, as a store of what is known. */
import { type Readable, type Writable, writable } from 'svelte/store'
import type { ServerEvent } from '../../../src/server/protocol.ts'
import { afterAll, atFirst, backOff, type Live } from './live.ts'

const types: readonly ServerEvent['type'][] = [
  'snapshot',
  'topology',
  'counters',
  'event',
  'walk',
  'sampled',
  'lost',
  'follow-ended',
  'end',
]

const store: Writable<Live> = writable(atFirst)

/** What is known now. Changes at most once a picture. */
export const live: Readable<Live> = store

/** Changes what is known at once, for what the page itself did, such as starting a follow. */
export const changeLive = store.update

/**
 * Opens the stream; the returned function closes it. `isRefused` is asked whether the server does not want us any more
 * when the stream breaks: then it is not opened again.
 */
export function openStream(isRefused: () => Promise<string | undefined>): () => void {
  let queue: ServerEvent[] = []
  let planned = false
  let attempt = 0
  let closed = false
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const flush = (): void => {
    planned = false
    const events = queue
    queue = []
    store.update(known => afterAll(known, events, Date.now()))
  }
  const plan = (): void => {
    if (planned) return
    planned = true
    // A page that nobody sees draws nothing, so no picture would ever come.
    if (document.hidden) setTimeout(flush, 500)
    else requestAnimationFrame(flush)
  }
  const receive = (message: MessageEvent<string>): void => {
    const event = JSON.parse(message.data) as ServerEvent
    queue.push(event)
    if (event.type === 'snapshot') attempt = 0
    if (event.type === 'end') close()
    plan()
  }
  const close = (): void => {
    closed = true
    clearTimeout(timer)
    source?.close()
  }
  const again = async (): Promise<void> => {
    source?.close()
    store.update(known => ({ ...known, connection: 'lost', rates: {} }))
    const why = await isRefused()
    if (closed) return
    if (why !== undefined) {
      close()
      store.update(known => ({ ...known, connection: 'ended', why }))
      return
    }
    attempt++
    timer = setTimeout(open, backOff(attempt))
  }
  const open = (): void => {
    source = new EventSource('/api/events')
    source.addEventListener('message', receive)
    for (const type of types) source.addEventListener(type, receive)
    source.addEventListener('error', () => void again())
  }
  open()
  return close
}
