import { type Tcp, type TcpOption, tcpFlags } from './tcp.ts'

/** The flags as tcpdump(8) writes them, in its order: `S.` is SYN and ACK. */
export const tcpFlagsText = (flags: number): string => {
  const letters = [
    [tcpFlags.fin, 'F'],
    [tcpFlags.syn, 'S'],
    [tcpFlags.rst, 'R'],
    [tcpFlags.psh, 'P'],
    [tcpFlags.ack, '.'],
    [tcpFlags.urg, 'U'],
    [tcpFlags.ece, 'E'],
    [tcpFlags.cwr, 'W'],
    [tcpFlags.ae, 'e'],
  ] as const
  return letters.map(([bit, letter]) => (flags & bit ? letter : '')).join('') || 'none'
}

/** A segment: `Flags [P.], seq 7:12, ack 3, win 502, options [nop,nop,TS val 1 ecr 2], length 5`. */
export const tcpText = (tcp: Tcp): string => {
  const { flags, sequence, acknowledgement, window, urgentPointer, options, dataLength } = tcp
  if (sequence === undefined) return 'TCP'
  if (flags === undefined) return `TCP, seq ${sequence}`
  const parts = [`Flags [${tcpFlagsText(flags)}]`]
  const moved = (dataLength ?? 0) > 0
  if (moved) parts.push(`seq ${sequence}:${(sequence + (dataLength ?? 0)) >>> 0}`)
  else if (flags & (tcpFlags.syn | tcpFlags.fin | tcpFlags.rst)) parts.push(`seq ${sequence}`)
  if (flags & tcpFlags.ack) parts.push(`ack ${acknowledgement}`)
  if (window !== undefined) parts.push(`win ${window}`)
  if (flags & tcpFlags.urg && urgentPointer !== undefined) parts.push(`urg ${urgentPointer}`)
  if (options.length > 0) parts.push(`options [${options.map(optionText).join(',')}]`)
  if (dataLength !== undefined) parts.push(`length ${dataLength}`)
  return parts.join(', ')
}

const optionText = (option: TcpOption): string => {
  switch (option.kind) {
    case 'no-operation':
      return 'nop'
    case 'mss':
      return `mss ${option.value}`
    case 'window-scale':
      return `wscale ${option.value}`
    case 'sack-permitted':
      return 'sackOK'
    case 'sack':
      return `sack ${option.blocks.length} ${option.blocks.map(({ left, right }) => `{${left}:${right}}`).join('')}`
    case 'timestamps':
      return `TS val ${option.value} ecr ${option.echo}`
    case 'other':
      return `unknown-${option.number}`
  }
}
