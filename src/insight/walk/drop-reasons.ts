import { type TracedEvent, TraceInstance, TracingUnavailableError } from './trace-instance.ts'

/**
 * Why the kernel dropped a packet, by its own words: the tracepoint skb:kfree_skb (with a reason since Linux 5.17). It does
 * not tell which packet it was, nor in which namespace: only the time, and, where receiving links are watched too, the
 * link by which that very packet came in last. So it is evidence beside a packet that vanished, not a proof.
 */

/** A packet that the kernel dropped. */
export type KernelDrop = {
  type: 'drop'
  /** A name of enum skb_drop_reason: 'NETFILTER_DROP', 'IP_RPFILTER'; 'NOT_SPECIFIED' where the kernel has none. */
  reason: string
  /** The function that dropped it. */
  location: string
  /** EtherType: 2048 is IPv4, 34525 IPv6. */
  protocol: number
  /** The watched link by which it came in last; undefined for one that was sent from here, or when none is watched. */
  device: string | undefined
  /** The process that ran on the CPU at that moment: seldom one that has to do with it. */
  process: { name: string; id: number }
  cpu: number
  /** Seconds of the tracer's clock. */
  time: number
}

/** A look-up in an IPv4 routing table, of any namespace. `table` 254 is main; `device` is '-' when nothing was found. */
export type KernelLookup = {
  type: 'look-up'
  table: number
  inputIndex: number
  outputIndex: number
  /** This and the ports are 0 unless a rule of policy routing asks for them. */
  protocol: number
  source: string
  destination: string
  sourcePort: number
  destinationPort: number
  device: string
  gateway: string
  /** 0, or an errno below 0. */
  error: number
  time: number
}

/** Something that the kernel told, or how much it could not keep until it was read. */
export type KernelNews = KernelDrop | KernelLookup | { type: 'lost'; events: number }

export type DropOptions = {
  /** Only of these IP versions (default: both). */
  families?: readonly (4 | 6)[]
  /** Links whose received packets are watched, so that a drop can be told to have come in there. */
  devices?: readonly string[]
  /** Tell of routing look-ups of IPv4 too. */
  lookUps?: boolean
}

const etherType = { 4: 2048, 6: 34525 } as const
/** SKB_DROP_REASON_NOT_SPECIFIED is the first that is a drop; below it the packet was used up. */
const firstReason = 2
/** Names that need no quoting in a filter. Others are legal; they are just not watched. */
const plainName = /^[\w.@-]+$/

/** Follows the packets that the kernel drops, everywhere on this machine. Needs root of the machine. */
export class DropWatcher implements Disposable {
  readonly #instance: TraceInstance
  readonly #devices = new Map<string, string>()

  private constructor(instance: TraceInstance) {
    this.#instance = instance
  }

  /** Throws TracingUnavailableError where the kernel does not tell, or not us; SystemError for what is not foreseen. */
  static open(options: DropOptions = {}): DropWatcher {
    try {
      return new DropWatcher(TraceInstance.open(eventsOf(options)))
    } catch (error) {
      if (!(error instanceof TracingUnavailableError && error.reason === 'no-event')) throw error
      // Before Linux 5.17 drops have no reason that a filter could name; and what is only extra may be missing.
      return new DropWatcher(TraceInstance.open([{ event: dropEvent, filter: protocolFilter(options) }]))
    }
  }

  /** To wait for news with `waitReadable`. */
  get descriptor(): number {
    return this.#instance.descriptor
  }

  /** What has come by now; does not wait. Throws SystemError. */
  read(): KernelNews[] {
    const news: KernelNews[] = []
    for (const line of this.#instance.read()) {
      const item = this.#newsOf(line)
      if (item !== undefined) news.push(item)
    }
    return news
  }

  #newsOf(line: string): KernelNews | undefined {
    const lost = lostPattern.exec(line)
    if (lost) return { type: 'lost', events: Number(lost[1]) }
    const event = parseLine(line)
    if (event === undefined) return undefined
    if (event.name === 'fib_table_lookup') return parseLookup(event)
    const packet = /\bskbaddr=(\S+)/.exec(event.text)?.[1] ?? ''
    if (event.name === 'netif_receive_skb') this.#received(packet, event.text)
    return event.name === 'kfree_skb' ? parseDrop(event, this.#devices.get(packet)) : undefined
  }

  #received(packet: string, text: string): void {
    const device = /\bdev=(.*) skbaddr=/.exec(text)?.[1]
    // Places in memory are used again and again; there are only so many.
    if (this.#devices.size > 10_000) this.#devices.clear()
    if (device !== undefined) this.#devices.set(packet, device)
  }

  [Symbol.dispose](): void {
    this.#instance[Symbol.dispose]()
  }
}

const dropEvent = 'skb/kfree_skb'

const protocolFilter = ({ families = [4, 6] }: DropOptions): string =>
  families.map(family => `protocol == ${etherType[family]}`).join(' || ')

const eventsOf = (options: DropOptions): TracedEvent[] => {
  const { devices = [], lookUps = false } = options
  const names = devices.filter(name => plainName.test(name)).map(name => `name == "${name}"`)
  return [
    { event: dropEvent, filter: `reason >= ${firstReason} && (${protocolFilter(options)})` },
    ...(names.length === 0 ? [] : [{ event: 'net/netif_receive_skb', filter: names.join(' || ') }]),
    ...(lookUps ? [{ event: 'fib/fib_table_lookup' }] : []),
  ]
}

const lostPattern = /\[LOST (\d+) EVENTS\]/
/** `COMMAND-PID [CPU] FLAGS TIME: EVENT: TEXT`; a command may hold anything, hyphens and spaces too. */
const linePattern = /^\s*(.+)-(\d+)\s+\[(\d+)\]\s+\S+\s+(\d+\.\d+): (\w+): (.*)$/

type Line = { process: { name: string; id: number }; cpu: number; time: number; name: string; text: string }

const parseLine = (line: string): Line | undefined => {
  const [, command = '', id, cpu, time, name = '', text = ''] = linePattern.exec(line) ?? []
  if (id === undefined) return undefined
  return { process: { name: command, id: Number(id) }, cpu: Number(cpu), time: Number(time), name, text }
}

const parseDrop = (
  { process, cpu, time, text }: Line,
  device: string | undefined,
): KernelDrop | undefined => {
  const [, protocol, location = '', reason = 'NOT_SPECIFIED'] =
    /\bprotocol=(\d+) location=(\S+)(?: reason: (\S+))?/.exec(text) ?? []
  if (protocol === undefined) return undefined
  return {
    type: 'drop',
    reason,
    location: location.replace(/\+0x.*$/, ''),
    protocol: Number(protocol),
    device,
    process,
    cpu,
    time,
  }
}

const lookupPattern =
  /^table (\d+) oif (-?\d+) iif (-?\d+) proto (\d+) (\S+)\/(\d+) -> (\S+)\/(\d+) tos \d+ scope \d+ flags \w+ ==> dev (\S+) gw ([^/\s]+)\/\S+.* err (-?\d+)/

const parseLookup = ({ time, text }: Line): KernelLookup | undefined => {
  const [
    ,
    table,
    output,
    input,
    protocol,
    source = '',
    sourcePort,
    destination = '',
    destinationPort,
    device = '',
    gateway = '',
    error,
  ] = lookupPattern.exec(text) ?? []
  if (table === undefined) return undefined
  return {
    type: 'look-up',
    table: Number(table),
    inputIndex: Number(input),
    outputIndex: Number(output),
    protocol: Number(protocol),
    source,
    destination,
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
    device,
    gateway,
    error: Number(error),
    time,
  }
}
