import { attributes } from '../../netlink/composite.ts'

/** Keeps connection tracking away from the packet; it has no attributes. */
export const notrackExpression = attributes({})
