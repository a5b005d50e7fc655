import { Failure } from './run.mjs'

/** Options of strace that make it dump every message of a netlink socket, both ways: the input of `messagesOf`. */
export const dumpMessages = '-e trace=sendmsg,sendto,recvmsg,recvfrom -e read=all -e write=all'

/**
 * The netlink messages in strace's dump of all that was written and read: `{ from: 'program' | 'kernel', bytes }`.
 * iproute2's probes have no sequence number and are left out. Throws a Failure on bytes that are no messages.
 */
export function messagesOf(trace) {
  const messages = []
  let from
  let bytes = []
  const flush = () => {
    const buffer = Buffer.from(bytes)
    let at = 0
    while (at + 16 <= buffer.length) {
      const length = buffer.readUInt32LE(at)
      // ip(8) sends the whole of its buffer behind some requests.
      if (buffer.subarray(at).every(byte => byte === 0)) break
      if (length < 16) throw new Failure(`No netlink message: ${buffer.subarray(at).toString('hex')}`)
      if (buffer.readUInt32LE(at + 8) !== 0)
        messages.push({ from, bytes: new Uint8Array(buffer.subarray(at, at + length)) })
      at += (length + 3) & ~3
    }
    bytes = []
  }
  for (const line of trace.split('\n')) {
    const dump = /^ \| [0-9a-f]{5} {2}(.{48})/.exec(line)
    if (dump) bytes.push(...dump[1].match(/[0-9a-f]{2}/g).map(byte => Number.parseInt(byte, 16)))
    else if (!line.startsWith(' *')) {
      flush()
      from = line.startsWith('send') ? 'program' : 'kernel'
    }
  }
  flush()
  return messages
}
