import type { Diagnosis } from '../insight/doctor/diagnose.ts'
import type { StoryEvent } from '../insight/trace/events.ts'
import type { Story } from '../insight/trace/story.ts'
import type { PacketHeader } from '../insight/walk/packet-header.ts'
import type { FlowTuple } from '../linux/conntrack/index.ts'

/**
 * How packets and their stories are put into words. The face brings it along, so that the lab says everything as
 * `natspace trace` does. All texts are printable whatever the packets and rules hold.
 */
export type Teller = {
  /** `192.168.45.3 > 192.168.1.15, id 29610`; `mark` paints the fields of a list. */
  packet(header: PacketHeader, changed?: readonly string[], mark?: (text: string) => string): string
  tuple(tuple: FlowTuple): string
  /** What one event did. */
  event(event: StoryEvent): string
  /** Text that others wrote, such as a reason with the name of a rule. */
  plain(text: string): string
  /** A whole story, with every chain that was passed. */
  story(story: Story, colours: boolean): string[]
  /** The same as data, one object for each event and one for the end. */
  objects(story: Story): object[]
  /** What the doctor found; `verbose`: all that is fine, too. */
  diagnosis(diagnosis: Diagnosis, colours: boolean, verbose: boolean): string[]
  /** The same as data. */
  findings(diagnosis: Diagnosis): object[]
}
