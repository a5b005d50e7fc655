import type { Observation } from '../reconcile/observation.ts'
import { elementCommands, firewallOperation } from '../ruleset/commands.ts'
import { keyText } from '../ruleset/elements.ts'
import { seenElements, seenGeneration, seenTable } from '../ruleset/seen-table.ts'
import type { Resource } from './resource.ts'

/**
 * Ports on which programs of this host wait, and which no translation may choose for a space: what is sent to the
 * program would go to the space (CVE-2021-3773). They are noted when a space is new: a picture of that moment, which is
 * never put right for its own sake, as programs come and go. Low ports too, as somebody else's rule may keep them.
 * Equivalent to: `nft add element inet natspace listened { tcp . 40000 }` for what `ss -lntu` shows
 */
export const listenedResource = (isNew: boolean): Resource => ({
  id: 'ports that are listened on',
  step: 'masquerade',
  phase: 'firewall',
  space: undefined,
  drift: () => [],
  add(seen) {
    const missing = isNew ? unnoted(seen) : []
    if (missing.length === 0) return []
    const undo = seenTable(seen) === undefined ? [] : elementCommands('element.delete', missing)
    return [
      firewallOperation(
        elementCommands('element.add', missing),
        undo,
        seenGeneration(seen),
        'masquerade',
        undefined,
      ),
    ]
  },
  // It goes with the table.
  remove: () => [],
})

const unnoted = (seen: Observation) => {
  const keys = (['tcp', 'udp', 'sctp'] as const).flatMap(protocol =>
    seen.listeners(undefined, protocol).map(({ port }): [string, number] => [protocol, port]),
  )
  const noted = seenElements(seen, 'listened')
  return [...new Map(keys.map(key => [keyText(key), key]))]
    .filter(([text]) => !noted.has(text))
    .map(([, key]) => ({ set: 'listened', element: { key } }))
}
