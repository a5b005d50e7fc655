import type { Palette } from './export-svg.ts'
import { type Colour, colours } from './roles.ts'

/** The colours and fonts of the theme that is shown now. */
export function currentPalette(): Palette {
  const style = getComputedStyle(document.documentElement)
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  return {
    colours: Object.fromEntries(colours.map(name => [name, value(name)])) as Record<Colour, string>,
    sans: value('sans'),
    mono: value('mono'),
  }
}

/** Hands a file to the browser, to be saved. */
export function save(name: string, type: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
