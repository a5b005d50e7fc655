/** Numbers as the page writes them: short, and always as wide where they change. Pure. */

/** 950, 1.2k, 34k, 5.6M. */
export function brief(value: number): string {
  for (const [size, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const)
    if (value >= size * 0.9995) {
      const scaled = value / size
      return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)}${letter}`
    }
  return String(Math.round(value))
}

/** Bytes in units of 1024: 980 B, 1.2 KiB. */
export function bytes(value: number): string {
  let scaled = value
  let unit = 'B'
  for (const next of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (scaled < 1023.5) break
    scaled /= 1024
    unit = next
  }
  return `${unit === 'B' || scaled >= 9.95 ? Math.round(scaled) : scaled.toFixed(1)} ${unit}`
}

/** A time of the day with seconds, as the browser's region writes it. */
export const clock = (time: number, locale: string): string =>
  new Date(time).toLocaleTimeString(locale, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  })
