import { readStateFile } from '../../linux/state-file.ts'
import type { SpaceFacts } from '../resolver/resolver.ts'
import type { ResolvedSpace } from '../spec/types.ts'

/**
 * What the record of a space says that matters to its resolvers; undefined when natspace has none. Read without the
 * kernel's interface, which is most of the start, and without trust: an older natspace may have written it. A record that
 * cannot be read stops no program.
 */
export const readSpaceFacts = (
  path: string,
  warn: (text: string) => void,
): (SpaceFacts & NamespaceFact) | undefined => {
  try {
    const text = readStateFile(path)
    return text === undefined ? undefined : spaceFacts(text)
  } catch (error) {
    warn(`resolvers are chosen without ${path}, which cannot be read: ${(error as Error).message}`)
    return undefined
  }
}

/** Where the namespace of a space is, when it is elsewhere than its name says: a container runtime's (CNI). */
type NamespaceFact = { namespacePath?: string }

/** The facts in the text of a record. Throws SyntaxError when it is not JSON. */
export const spaceFacts = (text: string): (SpaceFacts & NamespaceFact) | undefined => {
  const record: unknown = JSON.parse(text)
  const space = isObject(record) ? record.space : undefined
  if (!isObject(space)) return undefined
  const { dns, gateway, ipv6, internal, host, attachment }: { [K in keyof ResolvedSpace]?: unknown } = space
  const cable6 = isObject(ipv6) ? ipv6 : {}
  return {
    dns: Array.isArray(dns) ? dns.filter(address => typeof address === 'string') : [],
    gateway: textOrNone(gateway),
    gateway6: textOrNone(cable6.gateway),
    hasIpv6: textOrNone(cable6.address) !== undefined,
    internal: internal === true,
    mayAskHost: host !== 'none',
    ...(isObject(attachment) && typeof attachment.namespacePath === 'string'
      ? { namespacePath: attachment.namespacePath }
      : {}),
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

const textOrNone = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined
