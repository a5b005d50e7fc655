import { readFileSync } from 'node:fs'
import { parseResolvConf } from '../../space/resolver/resolv-conf.ts'
import { chooseResolver } from '../../space/resolver/resolver.ts'
import type { ResolvedSpace } from '../../space/spec/types.ts'

/** The resolvers that programs started with `natspace exec` ask: those of /etc/netns/NAME first, as ip(8) does it. */
export const resolversOf = (space: ResolvedSpace): string[] => {
  const own = textOf(`/etc/netns/${space.name}/resolv.conf`)
  const { text } =
    own === undefined
      ? chooseResolver(
          {
            dns: space.dns ?? [],
            gateway: space.gateway,
            gateway6: space.ipv6?.gateway,
            hasIpv6: space.ipv6 !== undefined,
            internal: space.internal,
            mayAskHost: space.host !== 'none',
          },
          textOf,
        )
      : { text: own }
  return parseResolvConf(text).servers
}

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // Not there, or a link that leads nowhere: what is asked of it has other sources.
    return undefined
  }
}
