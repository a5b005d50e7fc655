/** Which view the address names: `#/topology`, `#/walk/ID`. Everything stands behind the #, so the server sees none of it. */
import { type Readable, readable } from 'svelte/store'

export const views = ['topology', 'walk', 'doctor', 'plan', 'lesson'] as const
export type View = (typeof views)[number]

/** `path` is what follows the view, decoded: the id of a walk, the name of a space. */
export type Route = { view: View; path: string[] }

const isView = (name: string | undefined): name is View => views.some(view => view === name)

/** A piece of an address that cannot be decoded is taken as it is. */
const decoded = (piece: string): string => {
  try {
    return decodeURIComponent(piece)
  } catch {
    // Somebody typed a lone %: then it is meant.
    return piece
  }
}

/** The route of an address such as `#/walk/7`. What is not known is the topology. */
export function parseRoute(hash: string): Route {
  const [view, ...path] = hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded)
  return isView(view) ? { view, path } : { view: 'topology', path: [] }
}

/** The address of a route, for links. */
export const hrefOf = (view: View, ...path: string[]): string =>
  `#/${[view, ...path].map(encodeURIComponent).join('/')}`

/** The route that the window shows, and each that it goes to. */
export const route: Readable<Route> = readable(
  parseRoute(typeof location === 'undefined' ? '' : location.hash),
  set => {
    const changed = (): void => set(parseRoute(location.hash))
    changed()
    window.addEventListener('hashchange', changed)
    return () => window.removeEventListener('hashchange', changed)
  },
)

/** Goes to a view. */
export const goTo = (view: View, ...path: string[]): void => {
  location.hash = hrefOf(view, ...path)
}
