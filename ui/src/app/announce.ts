/** What a screen reader is to say although the focus is elsewhere: one sentence at a time, the last one wins. */
import { type Readable, writable } from 'svelte/store'

const store = writable('')
export const announcement: Readable<string> = store

/** Has a sentence read aloud. The same sentence twice is read twice. */
export function announce(sentence: string): void {
  store.set('')
  setTimeout(() => store.set(sentence), 50)
}
