/** The system calls by which natspace changes anything, as an argument of strace's `-e`; with `-y`, for `mutations`. */
export const mutatingCalls =
  'trace=sendto,sendmsg,sendmmsg,write,pwrite64,mkdir,rename,unlink,rmdir,mount,unshare'

const requests =
  /RTM_(?:NEW|DEL|SET)|NFT_MSG_(?:NEW|DEL)|NFNL_MSG_BATCH|nlmsg_type=0x(?:1[013-589cd]|2[01])\b/

/** Lines of a trace that change something: netlink requests that make or remove, and all else but the command's own output. */
export function mutations(trace: string): string[] {
  return trace.split('\n').filter(line => {
    if (/send(?:to|m?msg)\(/.test(line)) return requests.test(line)
    // Wake-ups of the runtime's own threads are no files.
    if (line.includes('write')) return !/write(?:64)?\([0-9]+<(?:anon_inode|pipe|socket|\/dev\/)/.test(line)
    return /\b(?:mkdir|rename|unlink|rmdir|mount|unshare)\(/.test(line) && !line.includes('= -1 EEXIST')
  })
}
