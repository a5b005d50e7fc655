/** How the spec layer says what is wrong: every fault names the field as the user wrote it, the value, and the place. */

import { NatspaceError } from '../errors.ts'
import { quote } from './quote.ts'

/** Where a value stands: its field as the user knows it (`--publish`, `publish`) and, in a file, `FILE:LINE:COLUMN`. */
export type Site = { field: string; readonly place?: string }

/** Finds the site of a value by its path in a raw spec: `['publish', 0]`, or `['name']`. */
export type SiteOf = (path: readonly (string | number)[]) => Site

/** Sites of values that came from the library: the bare field name. */
export const fieldSite: SiteOf = path => ({ field: String(path[0]) })

/** Sites of values that came from the command line: `hostInterface` is `--host-interface`, the name is `NAME`. */
export const optionSite: SiteOf = path => {
  const field = path[0] === 'rate' ? path.map(String).join('-') : String(path[0])
  return {
    field: field === 'name' ? 'NAME' : `--${field.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`,
  }
}

export type Fault = {
  code: string
  site: Site
  value: string
  why: string
  evidence?: string[]
  fix: string[]
}

/** The error for one bad value: exit status 2, as nothing was changed. The value is quoted safely. */
export function badValue({ code, site, value, why, evidence, fix }: Fault): NatspaceError {
  const what = `cannot use ${site.field} ${quote(value)}`
  return new NatspaceError({
    code,
    exit: 2,
    what: site.place === undefined ? sentence(what) : `${site.place}: ${what}`,
    why,
    ...(evidence === undefined ? {} : { evidence }),
    fix,
  })
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
