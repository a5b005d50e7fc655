/**
 * What `observeProbe` has seen on the article's host (test/support/host.ts), written down as JSON: probes from 192.168.45.3
 * with port or identifier 29610 to 192.168.1.15. answered: ICMP; refused: TCP to port 81; policy: ICMP with
 * `iptables-nft -P FORWARD DROP`; untranslated: UDP to port 53 without the element of `outbound4`; unforwarded: ICMP with
 * net.ipv4.ip_forward 0.
 *
 * What `observeFlows` has seen there, of visits of 192.168.1.15: published: TCP to port 8080, which leads to port 80 of the
 * space; published-policy: the same with `iptables-nft -P FORWARD DROP`; unpublished: to port 8090.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TraceObservation } from '../../src/insight/trace/observation.ts'

export type RecordedTrace =
  | 'answered'
  | 'refused'
  | 'policy'
  | 'untranslated'
  | 'unforwarded'
  | 'published'
  | 'published-policy'
  | 'unpublished'

/** An observation, new each time. Handles of rules are numbers in it, as JSON has no others. */
export const recordedTrace = (name: RecordedTrace): TraceObservation =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../golden/trace/${name}.json`), 'utf8'))
