import type { SpaceStatus } from '../space/reconcile/types.ts'

/** What a space may reach, in lines: outside, other spaces, this host. */
export const policyLines = ({ policy, refused }: SpaceStatus): string[] => {
  const { internal, source, rate, connect, egress, host, metadata, siblings, untranslated, accept } = policy
  const only = egress === undefined ? '' : `only ${egress.allow.join(', ') || 'nothing'}`
  const refusals = refused === undefined ? '' : `; ${refused} ${refused === 1 ? 'packet' : 'packets'} refused`
  return [
    internal ? 'nothing outside' : `outside${only === '' ? '' : `: ${only}${refusals}`}`,
    ...(source === undefined ? [] : [`as ${source.join(' and ')}`]),
    ...(connect === undefined
      ? []
      : [`the ${connect.length === 1 ? 'space' : 'spaces'} ${connect.join(', ')}`]),
    ...(siblings ? ['containers of its network'] : []),
    ...(untranslated === undefined ? [] : [`as itself ${untranslated.join(', ')}`]),
    ...(accept === undefined ? [] : [`and is reached from ${accept.join(', ')}`]),
    {
      none: 'nothing of this host',
      dns: internal ? 'this host by ping' : 'this host’s resolver, and ping',
      all: 'this host',
    }[host],
    ...(metadata ? ['the metadata service of the cloud'] : []),
    ...(rate === undefined
      ? []
      : [
          `at most ${[...(rate.up ? [`${rate.up} up`] : []), ...(rate.down ? [`${rate.down} down`] : [])].join(', ')}`,
        ]),
  ]
}
