import { findingObjects } from '../../insight/doctor/finding-object.ts'
import { packetText, tupleText } from '../../insight/walk/header-text.ts'
import type { Teller } from '../../lab/teller.ts'
import { printable } from '../../space/spec/quote.ts'
import { diagnosisLines } from '../doctor/text.ts'
import { styleOf } from '../style.ts'
import { storyObjects } from '../trace/json.ts'
import { eventText, storyLines } from '../trace/text.ts'

/** The words of `natspace trace`, for the lab. */
export const teller: Teller = {
  packet: packetText,
  tuple: tupleText,
  event: event => eventText(event, styleOf(false)),
  plain: printable,
  story: (story, colours) => storyLines(story, styleOf(colours), true),
  objects: storyObjects,
  diagnosis: (diagnosis, colours, verbose) => diagnosisLines(diagnosis, styleOf(colours), verbose),
  findings: findingObjects,
}
