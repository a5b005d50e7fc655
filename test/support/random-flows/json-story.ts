/** What `natspace trace --json` prints, as the story that it was made of, so that it can be held beside the second opinions. */
import type { StoryEvent } from '../../../src/insight/trace/events.ts'
import type { StoryEnd } from '../../../src/insight/trace/outcome.ts'
import type { Story } from '../../../src/insight/trace/story.ts'
import type { HeaderChange } from '../../../src/insight/walk/header-change.ts'
import type { PacketHeader } from '../../../src/insight/walk/packet-header.ts'

type Fields = Record<string, string | number>

/** A line of type event. */
export type EventLine = {
  type: 'event'
  packet: 'request' | 'reply'
  point: StoryEvent['point']
  hook: StoryEvent['hook']
  kind: StoryEvent['kind']
  stage: string | null
  chain: string | null
  owner: string | null
  rule: string | null
  rules: StoryEvent['rules']
  verdict: string | null
  decidedBy: 'rule' | 'policy' | null
  before: Fields | null
  after: Fields | null
  interface: string | null
  time: number
}

/** The line of type end. */
export type EndLine = {
  type: 'end'
  outcome: string
  refused: boolean
  at: StoryEnd['at']
  reason: string
  evidence: string[]
  notes: string[]
  points: {
    point: StoryEvent['point']
    interface: string | null
    request: PacketHeader | null
    reply: PacketHeader | null
  }[]
  connection: Story['connection'] | null
}

export type TraceLines = { events: EventLine[]; end: EndLine }

/** The lines of one story, of all that was printed. Throws when there is no end among them. */
export const linesOf = (output: string): TraceLines => {
  const lines = output
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as EventLine | EndLine | { type: string })
  const end = lines.find((line): line is EndLine => line.type === 'end')
  if (end === undefined) throw new Error(`no end was told:\n${output}`)
  return { events: lines.filter((line): line is EventLine => line.type === 'event'), end }
}

/** The story, as far as it is compared with anything. */
export const storyOfLines = (space: string, { events, end }: TraceLines): Story =>
  ({
    space,
    points: end.points.map(({ point, interface: name, request, reply }) => ({
      point,
      interface: name ?? undefined,
      request: request === null ? undefined : { header: request, changed: [] },
      reply: reply === null ? undefined : { header: reply, changed: [] },
    })),
    events: events.map(eventOf),
    connection: end.connection ?? undefined,
    end: { ...end, outcome: end.refused ? 'refused' : (end.outcome as StoryEnd['outcome']) },
  }) as unknown as Story

const eventOf = (line: EventLine) => {
  const [family = '', table = '', name = ''] = line.chain?.split(' ') ?? []
  return {
    ...line,
    chain: line.chain === null ? undefined : { family, table, name, owner: line.owner, program: '' },
    verdict: line.verdict ?? undefined,
    decidedBy: line.decidedBy ?? undefined,
    changes: changesOf(line),
  }
}

const changesOf = ({ before, after }: EventLine): HeaderChange[] =>
  Object.keys(before ?? {}).map(field => ({
    field: field as HeaderChange['field'],
    before: before?.[field] ?? '',
    after: after?.[field] ?? '',
  }))
