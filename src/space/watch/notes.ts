import type { Context } from '../reconcile/types.ts'
import { type WatchNote, writeWatchNotes } from '../state/watch-notes.ts'
import type { WatchEvent } from './report.ts'

/** What `status` may want to know of things that differ and stay so, kept in the state folder while they do. */
export class Notes {
  readonly #notes = new Map<string, WatchNote>()
  #written = '[]'

  /** Takes from an event what is worth keeping, and drops what it settles. */
  take(event: WatchEvent, time: number): void {
    if (event.event === 'space') this.#notes.delete(event.space)
    if (!('spaces' in event)) return
    for (const name of event.spaces)
      if (!('by' in event) || event.event === 'repaired') this.#notes.delete(name)
      else {
        const until = 'pause' in event ? { until: time + event.pause } : {}
        this.#notes.set(name, { event: event.event, time, by: event.by, ...until })
      }
  }

  /** Writes the notes if they have changed. Throws NatspaceError. */
  write({ kernel, paths }: Context): void {
    const text = JSON.stringify([...this.#notes])
    if (text === this.#written) return
    writeWatchNotes(kernel, paths, this.#notes)
    this.#written = text
  }

  /** Leaves no file behind. */
  clear(context: Context): void {
    this.#notes.clear()
    this.write(context)
  }
}
