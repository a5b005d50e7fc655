/** Light or dark: as the system has it, or as was chosen here. The choice stands on the root element for the style sheets. */
import { type Writable, writable } from 'svelte/store'
import { keep, kept } from './kept.ts'

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

export const theme: Writable<Theme> = writable(kept('theme', themes) ?? 'system')

/** The theme that comes after this one. */
export const nextTheme = (current: Theme): Theme =>
  themes[(themes.indexOf(current) + 1) % themes.length] ?? 'system'

/** Writes the choice to the root element, and keeps it. */
export const followTheme = (): (() => void) =>
  theme.subscribe(chosen => {
    document.documentElement.dataset.theme = chosen
    keep('theme', chosen)
  })
