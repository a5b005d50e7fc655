import type { Story, StoryEvent, StoryPoint } from '../../../src/server/protocol.ts'

/** Parts of the protocol's types that have no name of their own there. */

export type PacketName = StoryEvent['packet']
export type Sighting = NonNullable<StoryPoint['request']>
/** All that is known of a packet's headers; of one that was never seen only what its sender wanted. */
export type Headers = Partial<Sighting['header']> & Pick<Sighting['header'], 'source' | 'destination'>
export type HeaderChange = StoryEvent['changes'][number]
export type ChangedField = HeaderChange['field']
export type Tuple = Story['tuple']

/** The two namespaces that a packet passes. */
export type Lane = 'inside' | 'host'
