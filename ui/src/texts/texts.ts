/** All that the page says, in English; the shape that every other language must fill. A missing text is a type error. */
import type { en } from './en.ts'

export type Texts = typeof en
