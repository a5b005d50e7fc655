/** `natspace watch` as a process beside, whose lines are read as they come. */
import { EventSocket } from '../../src/linux/netlink/event-socket.ts'
import {
  decodeGeneration,
  multicastGroups,
  NETLINK_NETFILTER,
  newGenerationType,
} from '../../src/linux/nftables/index.ts'
import { Descriptor, openFlags } from '../../src/linux/sys/descriptor.ts'
import { errno } from '../../src/linux/sys/errno.ts'
import { libc } from '../../src/linux/sys/libc.ts'
import { waitReadable } from '../../src/linux/sys/poll.ts'
import { ask, BenchFailure, environment } from './process.ts'

const timeLimit = 20_000
const pipe = '/run/tmp/watch.fifo'

type Line = { type: string; event?: string }

/** What one repair took, in milliseconds from the change by somebody else. */
export type RepairTimes = {
  /** Until the ruleset was changed again, by the watch; undefined where it was not. */
  rules: number | undefined
  /** Until everything was right, read again, and told. */
  told: number
}

export class RunningWatch implements Disposable {
  readonly #pipe: Descriptor
  readonly #events: EventSocket
  readonly #child: ReturnType<typeof Bun.spawn>
  readonly #buffer = new Uint8Array(64 * 1024)
  #text = ''

  /** Starts it and waits until it watches. Throws a BenchFailure when it does not. */
  constructor(program: string) {
    ask('sh', '-c', `rm -f ${pipe}; mkfifo ${pipe}`)
    this.#pipe = Descriptor.open(pipe, openFlags.readOnly | openFlags.nonBlock)
    this.#events = EventSocket.open(NETLINK_NETFILTER, {
      groups: [multicastGroups.NFNLGRP_NFTABLES],
      only: newGenerationType,
    })
    this.#child = Bun.spawn(['sh', '-c', `exec "$0" watch --json --give-up-after 0 >${pipe}`, program], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: environment,
    })
    this.#waitFor(({ type }) => type === 'snapshot')
  }

  get process(): number {
    return this.#child.pid
  }

  /** Does harm by a program of others, and waits for its repair. */
  repairOf(...harm: [string, ...string[]]): RepairTimes {
    this.#events.read()
    const start = performance.now()
    const child = Bun.spawn(harm, { stdio: ['ignore', 'ignore', 'inherit'], env: environment })
    let begun: number | undefined
    let rules: number | undefined
    this.#waitFor(
      ({ event }) => event === 'repaired',
      () => {
        for (const { payload } of this.#events.read().events) {
          const { processId } = decodeGeneration(payload)
          if (processId === this.process) rules ??= performance.now()
          else begun ??= performance.now()
        }
      },
    )
    const end = performance.now()
    child.unref()
    // Where the harm is no change of the ruleset, what starting the program takes is part of it.
    const from = begun ?? start
    return { rules: rules === undefined ? undefined : rules - from, told: end - from }
  }

  #waitFor(wanted: (line: Line) => boolean, onEvents: () => void = () => void this.#events.read()): void {
    const limit = performance.now() + timeLimit
    while (performance.now() < limit) {
      waitReadable([this.#pipe.number, this.#events.descriptor], 100)
      onEvents()
      if (this.#lines().some(wanted)) return
    }
    throw new BenchFailure('natspace watch has not repaired in time')
  }

  #lines(): Line[] {
    const length = libc().read(this.#pipe.number, this.#buffer, this.#buffer.length)
    if (length < 0) {
      if (libc().errno() === errno.EAGAIN) return []
      throw new BenchFailure('the output of natspace watch cannot be read')
    }
    this.#text += new TextDecoder().decode(this.#buffer.subarray(0, length))
    const lines = this.#text.split('\n')
    this.#text = lines.pop() ?? ''
    return lines.map(line => JSON.parse(line) as Line)
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGTERM')
    this.#pipe.close()
    this.#events[Symbol.dispose]()
  }
}
