import type { Comparison } from '../../insight/predict/compare.ts'
import type { Prediction } from '../../insight/predict/prediction.ts'
import type { Story } from '../../insight/trace/story.ts'
import { eventObject, pointObjects, storyObjects } from './json.ts'

/** The lines of --json of a prediction alone: as of a story, from the source `predicted`, without times. */
export const predictionObjects = (prediction: Prediction): object[] => [
  ...predictedEvents(prediction),
  { type: 'end', source: 'predicted', ...predictedEnd(prediction), agrees: null },
]

/** Both: the predicted events, the observed ones, and one end that tells whether they agree. */
export const comparisonObjects = (prediction: Prediction, story: Story, comparison: Comparison): object[] => {
  const observed = storyObjects(story)
  const last = observed.at(-1)
  return [
    ...predictedEvents(prediction),
    ...observed.slice(0, -1),
    {
      ...last,
      predicted: predictedEnd(prediction),
      agrees: comparison.agrees,
      differences: comparison.differences,
    },
  ]
}

const predictedEvents = ({ events }: Prediction): object[] =>
  events.map(event => ({ ...eventObject(event), source: 'predicted', time: null }))

const predictedEnd = ({ direction, end, notes, unseen, points, connection }: Prediction): object => ({
  direction,
  outcome: end.outcome,
  at: end.at,
  reason: end.reason,
  evidence: end.evidence,
  doubts: end.doubts.map(({ ifApplies, ifNot, ...doubt }) => ({
    ...doubt,
    ifApplies: ifApplies ?? null,
    ifNot: ifNot ?? null,
  })),
  notes,
  unseen,
  points: pointObjects(points),
  connection: connection ?? null,
})
