import type { ExitStatus } from '../space/errors.ts'
import type {
  Applied,
  DoctorReport,
  DoctorRequest,
  Failure,
  Follow,
  FollowRequest,
  Hello,
  LabReport,
  LabRequest,
  LabState,
  PlanReport,
  PlanRequest,
  ProbeRequest,
  ServerEvent,
  SpaceDetails,
  Topology,
  Walk,
  WalkSummary,
} from './protocol.ts'

/**
 * Theory of operation. The page is served by two processes. The front speaks HTTP, knows tokens, cookies and headers, and
 * has no privilege; the engine speaks to the kernel, and hears nothing but the verbs below. Between them is a pipe of JSON
 * lines, one message a line: the front asks {id, verb, params}, the engine answers {id, result} or {id, failure}, in any
 * order, and pushes {event} on its own once `start` was asked. A front that somebody has broken into can ask these verbs
 * and nothing else, so params are checked where they arrive (src/server/requests.ts), on the engine's side. When either end closes the
 * pipe the other ends as well.
 */

/** What a page is told first: everything that later events change. */
export type Snapshot = Extract<ServerEvent, { type: 'snapshot' }>

/** Every question, with what it takes and what it answers. */
export type Verbs = {
  hello: { params: Nothing; result: Hello }
  topology: { params: Nothing; result: Topology }
  space: { params: { name: string }; result: SpaceDetails }
  /** Sends a probe and waits for the end of its walk. */
  walk: { params: ProbeRequest; result: Walk }
  walks: { params: Nothing; result: WalkSummary[] }
  walkById: { params: { id: string }; result: Walk }
  follow: { params: FollowRequest; result: Follow }
  unfollow: { params: { id: string }; result: Nothing }
  doctor: { params: DoctorRequest; result: DoctorReport }
  /** The JSON Schema of spec files. */
  schema: { params: Nothing; result: object }
  spec: { params: Nothing; result: { text: string } }
  plan: { params: PlanRequest; result: PlanReport }
  apply: { params: { text: string }; result: Applied }
  remove: { params: { names: string[] }; result: Applied }
  lab: { params: Nothing; result: LabState }
  setLab: { params: LabRequest; result: LabReport }
  /**
   * Asked for every page that begins to listen, so also while events flow already: answers what that page is shown
   * first, and from then on the engine pushes events. An event pushed after the answer is not in the snapshot.
   */
  start: { params: Nothing; result: Snapshot }
  /** Nobody has listened for some seconds: no more events, and no work for them; follows end. */
  stop: { params: Nothing; result: Nothing }
}

export type Nothing = Record<string, never>
export type Verb = keyof Verbs
export type Params<V extends Verb> = Verbs[V]['params']
export type Result<V extends Verb> = Verbs[V]['result']

/** One line from the front to the engine. */
export type Request = { id: number; verb: string; params: unknown }

/** One line from the engine to the front. `status` is that of HTTP. */
export type Answer =
  | { id: number; result: unknown }
  | { id: number; failure: Failure['error']; status: number }
  | { event: ServerEvent }
  /** Why the engine ends, when it cannot do its work at all. */
  | { lastWords: Failure['error'] & { exit: ExitStatus } }

/** What the engine does for each verb. Whatever a handler throws becomes the failure of that one question. */
export type Handlers = { [V in Verb]: (params: Params<V>) => Result<V> | Promise<Result<V>> }

/** The engine's end of the pipe: src/server/engine-channel.ts makes it, tests make it by hand. */
export type EngineChannel = {
  /**
   * Answers questions, several at once if they overlap, until the front has closed the pipe; then it resolves, and the
   * engine ends. Params have the right types already; whether names exist and texts are sensible is the handler's to say.
   */
  serve(handlers: Handlers): Promise<void>
  /**
   * Pushes an event. False when the front is so far behind that it was dropped; the channel then says {type: 'lost'} by
   * itself as soon as there is room.
   */
  push(event: ServerEvent): boolean
}
