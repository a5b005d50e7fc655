/** The language of the page: that of the last visit, else the browser's. `$t` in a component is all the texts. */
import { derived, type Readable, type Writable, writable } from 'svelte/store'
import { en } from '../texts/en.ts'
import type { Texts } from '../texts/texts.ts'
import { zh } from '../texts/zh.ts'
import { keep, kept } from './kept.ts'

export const languages = ['en', 'zh'] as const
export type Language = (typeof languages)[number]

/** What each language calls itself. */
export const languageNames: Record<Language, string> = { en: 'English', zh: '中文' }

const texts: Record<Language, Texts> = { en, zh }

/** The first of the browser's languages that the page speaks. */
export const preferred = (wanted: readonly string[]): Language => {
  for (const tag of wanted) {
    const found = languages.find(language => tag.toLowerCase().split('-')[0] === language)
    if (found !== undefined) return found
  }
  return 'en'
}

/** The language that the printed link asks for: `?lang=zh`. */
const asked = (): Language | undefined => {
  const wanted = new URLSearchParams(globalThis.location?.search ?? '').get('lang')
  return languages.find(language => language === wanted)
}

export const language: Writable<Language> = writable(
  asked() ?? kept('language', languages) ?? preferred(globalThis.navigator?.languages ?? []),
)

export const t: Readable<Texts> = derived(language, chosen => texts[chosen])

/** Keeps the choice, and tells the document its language, so that a screen reader speaks it. */
export const followLanguage = (): (() => void) =>
  language.subscribe(chosen => {
    document.documentElement.lang = chosen === 'zh' ? 'zh-Hans' : 'en'
    keep('language', chosen)
  })
