/** `natspace trace` on a whole host, and what its lines say. */
import { expectOnNewHost } from './host.ts'

/** A line of --json, as far as tests ask for it. */
export type TraceEventLine = {
  type: 'event'
  packet: 'request' | 'reply'
  point: string
  hook: string
  kind: string
  stage: string | null
  chain: string | null
  owner: string | null
  rule: string | null
  verdict: string | null
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  interface: string | null
  time: number
}
type Header = { source: string; destination: string; icmpId?: number }
export type TraceEndLine = {
  type: 'end'
  outcome: string
  refused: boolean
  at: { packet: string; point: string; hook?: string; chain?: string; owner?: string; interface?: string }
  reason: string
  evidence: string[]
  notes: string[]
  points: { point: string; interface: string; request: Header | null; reply: Header | null }[]
  connection: { original: Header; reply: Header } | null
}
export type TraceRun = { status: number; events: TraceEventLine[]; end: TraceEndLine }

/** A function of the shell: `trace ARGUMENTS` prints the lines, and the exit status behind them. */
const traceFunction = `
trace() { status=0; natspace trace --json myspace "$@" || status=$?; echo "status $status"; }
`

/** Runs a script in which `trace` may be called; returns a run for each call, in order. */
export const tracesOnNewHost = (script: string, options = ''): TraceRun[] => {
  const output = expectOnNewHost(`natspace up -q myspace $article ${options}\n${traceFunction}\n${script}`)
  const runs: TraceRun[] = []
  let events: TraceEventLine[] = []
  let end: TraceEndLine | undefined
  for (const line of output.split('\n')) {
    if (line.startsWith('{')) {
      const object = JSON.parse(line) as TraceEventLine | TraceEndLine
      if (object.type === 'end') end = object
      else events.push(object)
    }
    const status = /^status (\d+)$/.exec(line)?.[1]
    if (status === undefined) continue
    if (end === undefined) throw new Error(`a trace told no end:\n${output}`)
    runs.push({ status: Number(status), events, end })
    events = []
    end = undefined
  }
  return runs
}

/** `inside veth2: 192.168.45.3 > 192.168.1.15, id 29610` of the request or the reply at each point; '-' where it was not seen. */
export const pointsOf = ({ end }: TraceRun, packet: 'request' | 'reply'): string[] =>
  end.points.map(({ point, interface: name, [packet]: header }) => {
    const id = header?.icmpId === undefined ? '' : `, id ${header.icmpId}`
    return `${point} ${name}: ${header === null ? '-' : `${header.source} > ${header.destination}${id}`}`
  })
