/** The server's answers as typed values; src/server/protocol.ts is the contract. */
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
  SpaceDetails,
  Topology,
  Walk,
  WalkSummary,
} from '../../../src/server/protocol.ts'

/** The server said no, or did not answer (`status` 0). `failure` says what, why and how to mend it. */
export class ApiError extends Error {
  readonly status: number
  readonly failure: Failure['error']

  constructor(status: number, failure: Failure['error']) {
    super(failure.what)
    this.name = 'ApiError'
    this.status = status
    this.failure = failure
  }
}

/** Whatever was thrown, as something that a notice can show. */
export const failureOf = (error: unknown): Failure['error'] =>
  error instanceof ApiError
    ? error.failure
    : {
        code: 'PAGE',
        what: error instanceof Error ? error.message : String(error),
        why: '',
        evidence: [],
        fix: [],
      }

type Fetch = (input: string, init: RequestInit) => Promise<Response>

const isFailure = (body: unknown): body is Failure =>
  typeof body === 'object' &&
  body !== null &&
  'error' in body &&
  typeof body.error === 'object' &&
  body.error !== null &&
  'what' in body.error

const failureIn = (status: number, text: string): Failure['error'] => {
  try {
    const body: unknown = JSON.parse(text)
    if (isFailure(body)) return { ...{ code: '', why: '', evidence: [], fix: [] }, ...body.error }
  } catch {
    // No JSON: the text itself is all there is to say.
  }
  return { code: `HTTP-${status}`, what: text.slice(0, 300), why: '', evidence: [], fix: [] }
}

/** Calls to the server at this origin. Each throws an ApiError. */
export function createApi(fetch: Fetch) {
  const call = async <Result>(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Result> => {
    const init: RequestInit = { method, credentials: 'same-origin', cache: 'no-store', redirect: 'error' }
    if (body !== undefined) {
      init.body = JSON.stringify(body)
      init.headers = { 'content-type': 'application/json' }
    }
    if (signal !== undefined) init.signal = signal
    let answer: Response
    try {
      answer = await fetch(path, init)
    } catch (cause) {
      if (signal?.aborted) throw cause
      const what = cause instanceof Error ? cause.message : String(cause)
      throw new ApiError(0, { code: 'UNREACHABLE', what, why: '', evidence: [], fix: [] })
    }
    const text = await answer.text()
    if (!answer.ok) throw new ApiError(answer.status, failureIn(answer.status, text))
    return (text === '' ? undefined : JSON.parse(text)) as Result
  }
  const get = <Result>(path: string): Promise<Result> => call<Result>('GET', path)
  const post = <Result>(path: string, body: unknown, signal?: AbortSignal): Promise<Result> =>
    call<Result>('POST', path, body, signal)

  return {
    session: (token: string) => post<undefined>('/api/session', { token }),
    hello: () => get<Hello>('/api/hello'),
    topology: () => get<Topology>('/api/topology'),
    space: (name: string) => get<SpaceDetails>(`/api/spaces/${encodeURIComponent(name)}`),
    probe: (request: ProbeRequest, signal?: AbortSignal) => post<Walk>('/api/walks', request, signal),
    walks: () => get<WalkSummary[]>('/api/walks'),
    walk: (id: string) => get<Walk>(`/api/walks/${encodeURIComponent(id)}`),
    follow: (request: FollowRequest) => post<Follow>('/api/follows', request),
    unfollow: (id: string) => call<undefined>('DELETE', `/api/follows/${encodeURIComponent(id)}`),
    doctor: (request: DoctorRequest, signal?: AbortSignal) =>
      post<DoctorReport>('/api/doctor', request, signal),
    schema: () => get<unknown>('/api/schema'),
    spec: () => get<{ text: string }>('/api/spec'),
    plan: (request: PlanRequest, signal?: AbortSignal) => post<PlanReport>('/api/plan', request, signal),
    apply: (text: string) => post<Applied>('/api/apply', { text }),
    remove: (names: string[]) => post<Applied>('/api/remove', { names }),
    lab: () => get<LabState>('/api/lab'),
    runLab: (request: LabRequest) => post<LabReport>('/api/lab', request),
  }
}

export type Api = ReturnType<typeof createApi>

/** The server that this page came from. */
export const api: Api = createApi((input, init) => globalThis.fetch(input, init))
