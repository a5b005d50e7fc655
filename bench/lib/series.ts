/** Figures by count: what a tool took with so many spaces there, each time that it was measured. */
import { median } from './statistics.ts'

/** The figures of one thing, by how many spaces there were. */
export type Series = ReadonlyMap<number, readonly number[]>

/** Adds a figure to a series that is being measured. */
export function note(series: Map<number, number[]>, count: number, figure: number): void {
  const list = series.get(count)
  if (list === undefined) series.set(count, [figure])
  else list.push(figure)
}

/** The median with so many, or undefined where that was not measured. */
export function medianAt(series: Series | undefined, count: number): number | undefined {
  const list = series?.get(count)
  return list === undefined || list.length === 0 ? undefined : median(list)
}

/** How many times as much it is with `count` as with `base`. */
export function growth(series: Series | undefined, count: number, base: number): number | undefined {
  const [more, less] = [medianAt(series, count), medianAt(series, base)]
  return more === undefined || less === undefined ? undefined : more / less
}

/** Three significant digits, or all of a larger whole number. */
export const digits = (value: number | undefined): string =>
  value === undefined ? '' : value < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString('en-US')

/** The median, and from the least to the most where there is more than one figure: `24.3 (23.1–29.0)`. */
export function spread(list: readonly number[] | undefined): string {
  if (list === undefined || list.length === 0) return ''
  const middle = digits(median(list))
  return list.length === 1 ? middle : `${middle} (${digits(Math.min(...list))}–${digits(Math.max(...list))})`
}
