import type { Kernel } from '../../linux/kernel.ts'
import { isLinkLocal } from '../../linux/net/ip.ts'
import { CaptureError, type Filter, openNamespace } from '../../linux/packet/index.ts'
import { waitReadable } from '../../linux/sys/poll.ts'
import { innerAddresses } from '../../space/spec/endpoints.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'
import { type FilteredCapture, openFiltered } from './filtered-capture.ts'
import { FlowSource } from './flow-source.ts'
import { type NumberedPacket, PacketLinker } from './linker.ts'
import { type AddedPoint, type CapturePoint, capturePoints } from './points.ts'

/**
 * Theory of operation. Each point has a packet socket of its own; all are read in turns until they are empty, or for so long
 * that none has to wait for the others. The time at which a turn began is the watermark: by then every packet that is older
 * has been read, unless a point was left with packets, and then it is the time of the last one read there. Connection
 * tracking is asked after the packets, so that it has told of every flow they belong to.
 *
 * What the kernel holds for a point is limited, and to link packets takes longer than to fetch them. So a turn begins by
 * fetching all there is, as far as memory is set aside for it, and looks at part of it.
 */

const batchSize = 512
/** Batches of one point in one turn. */
const mostBatches = 8
/** Bytes that are fetched for one point before they are looked at: 131,072 packets with the usual snapshot length. */
const mostHeld = 32 * 1024 * 1024
/**
 * Nanoseconds between a packet's time and its place in the queue or ring, where two processors may change the order of two
 * packets, and the grain of the clock that is asked.
 */
const margin = 3_000_000n
/** Milliseconds between two looks at links that were down. */
const lookEvery = 200

export type CapturedPoint = CapturePoint & {
  link: 'ethernet' | 'ip'
  /** Packets that passed the filter, and those of them that the kernel dropped since nobody read them in time. */
  statistics: { seen: number; dropped: number }
}

/** What one turn brought. */
export type Turn = {
  packets: NumberedPacket[]
  /** Packets that were dropped since the turn before. */
  lost: { point: CapturedPoint; packets: number }[]
  /** Points whose interface went down for the first time. */
  down: CapturedPoint[]
}

export type SpaceCaptureOptions = {
  filter?: Filter | undefined
  /** Bytes kept of each packet. */
  snapLength: number
  /** Packets after which it is over. */
  most?: number | undefined
  /** Captured at beside the points of the space. */
  added?: readonly AddedPoint[] | undefined
}

type Place = FilteredCapture & { point: CapturedPoint; wasDown: boolean }

const clock = (): bigint => BigInt(Date.now()) * 1_000_000n

/**
 * The packets of one space at every point of their way, numbered in the order of their times, each with the numbers under
 * which it passed the others. The interfaces are never put into promiscuous mode.
 */
export class SpaceCapture implements Disposable {
  /** Uplinks that are left out, as their packets cannot be read. */
  readonly skipped: readonly { name: string; reason: string }[]
  readonly #kernel: Kernel
  readonly #space: ResolvedSpace
  readonly #places: Place[]
  readonly #flows: FlowSource
  readonly #linker: PacketLinker
  #lookedAt = Number.NEGATIVE_INFINITY
  #isGone = false
  #isBehind = false

  private constructor(
    kernel: Kernel,
    space: ResolvedSpace,
    places: Place[],
    skipped: SpaceCapture['skipped'],
    flows: FlowSource,
    most: number | undefined,
  ) {
    this.#kernel = kernel
    this.#space = space
    this.#places = places
    this.skipped = skipped
    this.#flows = flows
    this.#linker = new PacketLinker(
      places.map(({ point }) => point),
      flows.table,
      { ...(most === undefined ? {} : { most }), origin: clock() },
    )
  }

  /** Opens all points. Throws PointMissing, NamespaceError, SystemError (EPERM), CaptureError. */
  static open(
    kernel: Kernel,
    space: ResolvedSpace,
    { filter, snapLength, most, added }: SpaceCaptureOptions,
  ): SpaceCapture {
    const points = capturePoints(kernel, space, added)
    const flows = FlowSource.open(kernel, addressesOf(kernel, space, points))
    const places: Place[] = []
    const skipped: { name: string; reason: string }[] = []
    try {
      for (const point of points) {
        using namespace = point.where === undefined ? undefined : openNamespace(point.where)
        const opened = openPoint(point, {
          interface: point.index,
          namespace: namespace?.number,
          filter,
          snapLength,
        })
        if (opened instanceof CaptureError) {
          skipped.push({ name: point.name, reason: opened.reason })
          continue
        }
        const { link } = opened.capture
        const statistics = { seen: 0, dropped: 0 }
        places.push({ ...opened, point: { ...point, link, statistics }, wasDown: false })
      }
      return new SpaceCapture(kernel, space, places, skipped, flows, most)
    } catch (error) {
      for (const { capture } of places) capture.close()
      flows[Symbol.dispose]()
      throw error
    }
  }

  /** Those that are captured at: `NumberedPacket.point` counts them. */
  get points(): CapturedPoint[] {
    return this.#places.map(({ point }) => point)
  }

  /** Whether as many packets were captured as were asked for. */
  get isFull(): boolean {
    return this.#linker.isFull
  }

  /** Packets that were captured so far. */
  get count(): number {
    return this.#linker.count
  }

  /** Whether packets were fetched that have not been looked at: there is no need to wait for others. */
  get isBehind(): boolean {
    return this.#isBehind
  }

  /** Waits for packets, for at most so many milliseconds. The thread stands still meanwhile. Throws SystemError. */
  wait(milliseconds: number): void {
    if (this.#isBehind) return
    waitReadable(
      this.#places.map(({ capture }) => capture.descriptor),
      milliseconds,
    )
  }

  /** Takes what has come by now. Does not wait. Throws SystemError, ProtocolError. */
  turn(): Turn {
    const watermark = this.#read(clock() - margin)
    this.#flows.refresh(performance.now())
    const lost = this.#count()
    return { packets: this.#linker.advance(watermark), lost, down: this.#down() }
  }

  /** Takes what came until now, and ends. Throws as `turn`. */
  finish(): Turn {
    const end = clock()
    while (this.#read(end) < end);
    this.#flows.refresh(performance.now())
    const lost = this.#count()
    return { packets: this.#linker.finish(), lost, down: this.#down() }
  }

  /** Whether the host end of the cable is gone, and with it the inner one: nothing can come any more. Looks now and then. */
  isGone(): boolean {
    const now = performance.now()
    const isDue = now - this.#lookedAt >= lookEvery
    if (
      this.#isGone ||
      !isDue ||
      !this.#places.some(({ point, wasDown }) => wasDown && (point.role === 'inner' || point.role === 'host'))
    )
      return this.#isGone
    this.#lookedAt = now
    const index = this.#places.find(({ point }) => point.role === 'host')?.point.index
    this.#isGone = !this.#kernel
      .links(undefined)
      .some(link => link.index === index && link.name === this.#space.hostInterface)
    return this.#isGone
  }

  /** Reads every point; returns the time up to which it has everything, at most `until`. */
  #read(until: bigint): bigint {
    let watermark = until
    this.#isBehind = false
    for (const { capture } of this.#places) capture.hold(mostHeld)
    for (const [index, { capture, select }] of this.#places.entries())
      for (let batch = 1; ; batch++) {
        const packets = capture.readBatch(batchSize)
        this.#linker.add(index, select(packets))
        if (packets.length < batchSize) break
        if (batch < mostBatches) continue
        const last = (packets.at(-1)?.time ?? until) - margin
        if (last < watermark) watermark = last
        this.#isBehind = true
        break
      }
    return watermark
  }

  #count(): Turn['lost'] {
    return this.#places.flatMap(({ capture, point }) => {
      const { seen, dropped } = capture.statistics()
      const packets = dropped - point.statistics.dropped
      point.statistics = { seen, dropped }
      if (packets > 0) this.#linker.noteLoss(clock())
      return packets > 0 ? [{ point, packets }] : []
    })
  }

  #down(): CapturedPoint[] {
    const fresh = this.#places.filter(place => !place.wasDown && place.capture.interfaceWentDown)
    for (const place of fresh) place.wasDown = true
    return fresh.map(({ point }) => point)
  }

  [Symbol.dispose](): void {
    for (const { capture } of this.#places) capture.close()
    this.#flows[Symbol.dispose]()
  }
}

/** An uplink whose packets cannot be read, as of a kind that is not understood, is left out; the cable's ends never are. */
const openPoint = (
  point: CapturePoint,
  settings: Parameters<typeof openFiltered>[0],
): FilteredCapture | CaptureError => {
  try {
    return openFiltered(settings)
  } catch (error) {
    if (point.role === 'uplink' && error instanceof CaptureError) return error
    throw error
  }
}

/** Both families' addresses inside, as the kernel has them, and those that were asked for. */
const addressesOf = (
  kernel: Kernel,
  space: ResolvedSpace,
  points: readonly CapturePoint[],
): ReadonlySet<string> => {
  const index = points.find(({ role }) => role === 'inner')?.index
  const found = kernel
    .addresses(space.namespacePath)
    .filter(address => address.index === index && !isLinkLocal(address.address))
    .map(({ address }) => address)
  return new Set([...innerAddresses(space).map(({ address }) => address), ...found])
}
