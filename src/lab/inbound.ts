import { articleOutside, topics } from '../space/text/topics.ts'
import { provePublished } from './experiment.ts'
import { walkPublished } from './inbound-walk.ts'
import { captureProofs, proveOnePacket } from './prove-captures.ts'
import { connectionRows, inboundProofs } from './prove-inbound.ts'
import type { Screen } from './screen.ts'
import { showCaptures, showClaims, showStory } from './show.ts'
import { rowObject } from './sightings.ts'
import type { LabResult, Stage } from './stage.ts'

/** Milliseconds for the answer of the server. */
const patience = 2000

/** A connection from host2 to the published port: at every point, and its walk. Throws as `walkPublished` does. */
export const showInbound = async (
  screen: Screen,
  { kernel, resolved, teller }: Stage,
): Promise<LabResult> => {
  const topic = topics.inbound(resolved, articleOutside)
  const { met: served, walk } = await walkPublished(kernel, resolved, patience, provePublished)
  screen.heading(topic.title)
  screen.text(topic.paragraphs[0] ?? '')
  const captures = [
    ...captureProofs('the connection', walk.rows, connectionRows(walk), teller),
    proveOnePacket('the connection', walk.rows),
    served,
  ]
  showCaptures(screen, walk.rows, captures, teller)
  const claims = inboundProofs(walk, topic, served, teller)
  showClaims(screen, topic, claims)
  showStory(screen, walk.story, teller)
  return {
    proofs: [...captures, ...claims],
    tables: { inbound: { captures: walk.rows.map(rowObject), walk: teller.objects(walk.story) } },
  }
}
