/**
 * What `observeProbe` has seen on the article's host (test/support/host.ts), written down as JSON: probes from 192.168.45.3
 * with port or identifier 29610 to 192.168.1.15. answered: ICMP; refused: TCP to port 81; policy: ICMP with
 * `iptables-nft -P FORWARD DROP`; untranslated: UDP to port 53 without the element of `outbound4`; unforwarded: ICMP with
 * net.ipv4.ip_forward 0.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TraceObservation } from '../../src/insight/trace/observation.ts'

export type RecordedTrace = 'answered' | 'refused' | 'policy' | 'untranslated' | 'unforwarded'

/** An observation, new each time. Handles of rules are numbers in it, as JSON has no others. */
export const recordedTrace = (name: RecordedTrace): TraceObservation =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../golden/trace/${name}.json`), 'utf8'))
