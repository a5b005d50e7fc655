/** The token of the printed link, which opens the session once and then vanishes from the address. */

/** The token in `#token=…` or in a bare `#…`; nothing where the address names a view. */
export function tokenIn(hash: string): string | undefined {
  const text = hash.replace(/^#/, '')
  if (text === '' || text.startsWith('/')) return undefined
  const named = new URLSearchParams(text).get('token')
  return named ?? (/^[\w-]{16,}$/.test(text) ? text : undefined)
}

/**
 * Takes the token out of the address at once, so that neither the history nor somebody who looks on keeps it.
 * Call it before anything else reads the address.
 */
export function takeToken(): string | undefined {
  const token = tokenIn(location.hash)
  if (token !== undefined) history.replaceState(null, '', `${location.pathname}#/topology`)
  return token
}
