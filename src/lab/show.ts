import type { Story } from '../insight/trace/story.ts'
import type { Topic } from '../space/text/topics.ts'
import type { Proof } from './proof.ts'
import type { Screen } from './screen.ts'
import type { LabRow, LabSighting } from './sightings.ts'
import type { Teller } from './teller.ts'

/** How the parts of the experiment are shown: tables and sentences with their marks. */

/** Captures side by side; the first proofs are those of the rows, in order, and what follows them stands below. */
export const showCaptures = (
  screen: Screen,
  rows: readonly LabRow[],
  proofs: readonly Proof[],
  teller: Teller,
): void => {
  const cell = (sighting: LabSighting | undefined) =>
    sighting === undefined
      ? '-'
      : teller.packet(sighting.header, sighting.changed, text => screen.paint.changed(text))
  screen.table(
    ['where', 'request, downwards', 'reply, upwards'],
    rows.flatMap(({ place, interface: name, request, reply }, index) => {
      const proof = proofs[index]
      return proof === undefined ? [] : [{ cells: [`${place} ${name}`, cell(request), cell(reply)], proof }]
    }),
  )
  for (const proof of proofs.slice(rows.length)) screen.proof(proof)
}

/** The sentences of a topic, each with what was seen; then which command shows it elsewhere. */
export const showClaims = (screen: Screen, { points, evidence }: Topic, proofs: readonly Proof[]): void => {
  for (const proof of proofs) {
    const index = points.indexOf(proof.expected)
    screen.claim(proof, index < 0 ? undefined : index + 1)
  }
  screen.shownBy(evidence)
}

/** A story with every chain, for who wants to see it all. */
export const showStory = (screen: Screen, story: Story, teller: Teller): void => {
  if (screen.verbose) screen.say('', ...teller.story(story, screen.colours).map(line => `  ${line}`))
}
