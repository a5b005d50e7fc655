import { articleOutside, topics } from '../space/text/topics.ts'
import { walkEcho } from './echo-walk.ts'
import { provePeer, proveReply } from './experiment.ts'
import { answeredRows, captureProofs, proveOnePacket } from './prove-captures.ts'
import { replyProofs, walkProofs } from './prove-walk.ts'
import type { Screen } from './screen.ts'
import { showCaptures, showClaims, showStory } from './show.ts'
import { rowObject } from './sightings.ts'
import type { LabResult, Stage } from './stage.ts'

/** Milliseconds for the answer of host2. */
const patience = 2000

/** One echo at every point, its walk out and back, and why the reply finds its way. Throws as `walkEcho` does. */
export const showOutbound = async (
  screen: Screen,
  { kernel, resolved, teller }: Stage,
): Promise<LabResult> => {
  const walkTopic = topics.walk(resolved, articleOutside)
  const replyTopic = topics.reply(resolved, articleOutside)
  const walk = await walkEcho(kernel, resolved, patience)
  screen.heading(replyTopic.paragraphs[1] ?? '')
  const captures = [
    ...captureProofs('the echo', walk.rows, answeredRows, teller),
    proveOnePacket('the echo', walk.rows),
  ]
  showCaptures(screen, walk.rows, captures, teller)
  const out = walkProofs(walk, walkTopic, teller)
  screen.heading(walkTopic.title)
  showClaims(screen, walkTopic, out)
  const back = [...replyProofs(walk, replyTopic, teller), proveReply(replyTopic), provePeer()]
  screen.heading(replyTopic.title)
  showClaims(screen, replyTopic, back)
  showStory(screen, walk.story, teller)
  return {
    proofs: [...captures, ...out, ...back],
    tables: { captures: walk.rows.map(rowObject), walk: teller.objects(walk.story) },
  }
}
