import type { ConntrackMessage } from './message.ts'

/** enum tcp_conntrack, linux/netfilter/nf_conntrack_tcp.h, in its order. */
const tcpStates = [
  'NONE',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
  'SYN_SENT2',
]

/** enum sctp_conntrack, linux/netfilter/nf_conntrack_sctp.h, in its order. */
const sctpStates = [
  'NONE',
  'CLOSED',
  'COOKIE_WAIT',
  'COOKIE_ECHOED',
  'ESTABLISHED',
  'SHUTDOWN_SENT',
  'SHUTDOWN_RECD',
  'SHUTDOWN_ACK_SENT',
  'HEARTBEAT_SENT',
]

/**
 * How far TCP or SCTP has come as seen by connection tracking, which is not the state of either end: 'ESTABLISHED'. A
 * state that has no name here is its number; undefined for other protocols.
 */
export const stateOf = ({ tcp, sctp }: NonNullable<ConntrackMessage['attributes']['protocolInfo']>) => {
  if (tcp?.state !== undefined) return tcpStates[tcp.state] ?? String(tcp.state)
  if (sctp?.state !== undefined) return sctpStates[sctp.state] ?? String(sctp.state)
  return undefined
}
