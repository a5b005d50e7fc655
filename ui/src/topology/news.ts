/** What a watch tells, as a sentence. Pure. */
import type { Note } from '../app/live.ts'
import { shown } from '../text-safety.ts'
import type { Texts } from '../texts/texts.ts'

type Event = Extract<Note, { kind: 'event' }>['event']
type Culprits = Extract<Event, { event: 'repaired' }>['by']

const whoChanged = (by: Culprits): string =>
  by.map(one => (one.kind === 'process' ? `${one.name} (${one.pid})` : `port ${one.port}`)).join(', ')

/** A note in the language of the page; and whether it is bad news. */
export function newsOf(
  note: Note,
  { topology: words }: Texts,
): { text: string; tone: 'ok' | 'bad' | 'plain' } {
  if (note.kind === 'lost') return { text: shown(words.lost(note.what)), tone: 'bad' }
  const { text, tone } = told(note.event, words.events)
  return { text: shown(text), tone }
}

function told(
  event: Event,
  words: Texts['topology']['events'],
): { text: string; tone: 'ok' | 'bad' | 'plain' } {
  const spaces = 'spaces' in event ? event.spaces.join(', ') : ''
  const ok = (text: string) => ({ text, tone: 'ok' }) as const
  const bad = (text: string) => ({ text, tone: 'bad' }) as const
  const plain = (text: string) => ({ text, tone: 'plain' }) as const
  switch (event.event) {
    case 'repaired':
      return ok(words.repaired(spaces, whoChanged(event.by), Math.round(event.milliseconds)))
    case 'differs':
      return bad(words.differs(spaces, whoChanged(event.by)))
    case 'recovered':
      return ok(words.recovered(spaces))
    case 'failed':
      return bad(words.failed(spaces, event.error.message))
    case 'fight':
      return bad(words.fight(spaces, event.over))
    case 'settled':
      return plain(words.settled(event.warning.what))
    case 'trouble':
      return bad(words.trouble(event.message))
    case 'resumed':
      return plain(words.resumed(spaces))
    case 'waits':
      return bad(words.waits(spaces))
    case 'space': {
      const said = { up: words.up, changed: words.changed, down: words.gone }
      return plain(said[event.change](event.space))
    }
    case 'uplink':
      return plain(words.uplink(event.before?.name ?? words.nothing, event.after?.name ?? words.nothing))
  }
}
