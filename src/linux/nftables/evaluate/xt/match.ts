import type { Context } from '../context.ts'
import type { Truth } from '../truth.ts'
import type { Info } from './info.ts'

/** Answers whether a packet fits a match of x_tables, from the match's structure and its revision. */
export type XtMatch = (info: Info, context: Context, revision: number) => Truth
