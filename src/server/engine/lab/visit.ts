import { Facts } from '../../../insight/doctor/facts.ts'
import { packetText } from '../../../insight/walk/header-text.ts'
import { provePublished } from '../../../lab/experiment.ts'
import { walkPublished } from '../../../lab/inbound-walk.ts'
import { labFailed, network } from '../../../lab/places.ts'
import type { Proof } from '../../../lab/proof.ts'
import { captureProofs, proveOnePacket } from '../../../lab/prove-captures.ts'
import { connectionRows } from '../../../lab/prove-inbound.ts'
import type { Context } from '../../../space/reconcile/types.ts'
import { readSpaceRecord } from '../../../space/state/records.ts'
import type { Walk } from '../../protocol.ts'
import { flowFault } from '../walk/fault.ts'
import { pipelinesAt } from '../walk/probe-walk.ts'
import { walkOf } from '../walk/walk.ts'
import type { LabTools } from './lab.ts'
import { rowCaptures } from './lab-captures.ts'

/** Milliseconds for the answer of the server. */
const patience = 2000

/**
 * host2 connects to the published port of the lab's space, where a server listens for as long, and is watched at every
 * point; nothing is changed. Throws NatspaceError LAB_FAILED, and what `walkPublished` and `Facts` throw.
 */
export const visitPublished = async (
  context: Context,
  tools: LabTools,
): Promise<{ proofs: Proof[]; walk: Walk }> => {
  const { kernel, paths } = context
  const { name } = network.space
  const resolved = readSpaceRecord(kernel, paths, name)?.space
  if (resolved === undefined) throw labFailed(`${name} has no record`)
  const pipelines = pipelinesAt(context, tools.pipelines, resolved, 4)
  const topology = tools.topology(context)
  const { met: served, walk } = await walkPublished(kernel, resolved, patience, provePublished)
  const { story, rows } = walk
  const subject = { name, path: resolved.namespacePath, space: resolved }
  const client = { family: 4, protocol: 'icmp', address: network.host2 } as const
  const fault = flowFault(new Facts(kernel, paths, subject, client), story)
  return {
    proofs: [
      ...captureProofs('the connection', rows, connectionRows(walk), { packet: packetText }),
      proveOnePacket('the connection', rows),
      served,
    ],
    walk: walkOf(tools.nextId(), story, {
      pipelines,
      topology,
      captures: rowCaptures(rows),
      ...(fault === undefined ? {} : { fault }),
    }),
  }
}
