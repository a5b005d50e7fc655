import type { StoryEvent } from '../../insight/trace/events.ts'
import type { Story } from '../../insight/trace/story.ts'

/** The lines of --json: an object for each event, and one for the end; with the number of a flow that is followed. */
export const storyObjects = (story: Story, flow?: number): object[] => {
  const objects = [...story.events.map(eventObject), endObject(story)]
  return flow === undefined ? objects : objects.map(({ type, ...rest }) => ({ type, flow, ...rest }))
}

/** One event, as it was observed. */
export const eventObject = (event: StoryEvent) => {
  const { packet, point, hook, kind, stage, chain, rule, rules, verdict, decidedBy, changes, time } = event
  return {
    type: 'event',
    source: 'observed',
    packet,
    point,
    hook,
    kind,
    stage: stage ?? null,
    chain: chain === undefined ? null : `${chain.family} ${chain.table} ${chain.name}`,
    owner: chain?.owner ?? null,
    rule: rule ?? null,
    rules,
    verdict: verdict ?? null,
    decidedBy: decidedBy ?? null,
    before: fieldsOf(changes, 'before'),
    after: fieldsOf(changes, 'after'),
    interface: event.interface ?? null,
    time,
  }
}

/** The changed fields as they were, or as they became; null when nothing changed. */
const fieldsOf = (changes: StoryEvent['changes'], side: 'before' | 'after') =>
  changes.length === 0 ? null : Object.fromEntries(changes.map(change => [change.field, change[side]]))

const endObject = ({ end, points, connection, notes, direction, isOld }: Story) => ({
  type: 'end',
  direction,
  old: isOld,
  outcome: end.outcome === 'refused' ? 'answered' : end.outcome,
  refused: end.outcome === 'refused',
  at: end.at,
  reason: end.reason,
  evidence: end.evidence,
  notes,
  points: pointObjects(points),
  connection: connection ?? null,
})

/** The headers at each point. */
export const pointObjects = (points: Story['points']) =>
  points.map(({ point, interface: name, request, reply }) => ({
    point,
    interface: name ?? null,
    request: request?.header ?? null,
    reply: reply?.header ?? null,
  }))
