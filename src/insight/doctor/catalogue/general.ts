import { fault } from './entry.ts'

const causes = ['ENV-', 'NS-', 'LNK-', 'ADR-', 'NGH-', 'RT-', 'SYS-', 'UP-', 'FW-', 'NAT-', 'CT-', 'PUB-']

/** What has no code of its own, and the state of natspace itself. */
export const generalFaults = {
  LOST: fault(
    'error',
    'The packet vanished',
    'It was seen at one point of the way and not at the next.',
    'The point at which it was seen last, and what the kernel says of drops meanwhile, tell where to look.',
    'the walk of the probe',
    causes,
  ),
  'NOT-ANSWERED': fault(
    'warning',
    'It left this host, and nothing came back',
    'Everything here let it pass: what stops it, or the answer, is behind the uplink.',
    'Try another destination; look at the next router, and at the firewall of the other side.',
    'the probe was seen leaving by the uplink, and no answer in the time',
    causes,
  ),
  POLICY: fault(
    'warning',
    'The space was told not to',
    'What a space may reach is part of its spec: --internal, --egress, --host, --metadata, and the isolation between spaces.',
    'Change the spec if that is not what you want: natspace explain policy NAME shows it.',
    'a rule of natspace stopped it',
    ['UP-CHANGED', 'RT-', 'ADR-', 'LNK-'],
  ),
  REFUSED: fault(
    'notice',
    'The other side refused',
    'The packet arrived and was refused there: the network works.',
    'Start the program there, or ask another port.',
    'a reset or an error of ICMP from outside',
    causes,
  ),
  'ST-BOOT': fault(
    'error',
    'The space is of an earlier boot',
    'The machine has been started anew since, and nothing of the space is there any more.',
    'natspace up makes it anew; natspace enable does so at each boot.',
    'the boot id of the record is not that of the kernel',
  ),
  'ST-LOCK': fault(
    'notice',
    'Another natspace is at work',
    'Changes are made one after another: what is seen now may be half of one.',
    'Wait, and look again; the process that is named holds the lock.',
    'flock(2) on the lock of the state folder; /proc/locks',
  ),
  'ST-ORPHAN': fault(
    'warning',
    'Things of natspace belong to no space',
    'A link, a namespace or elements with the mark of natspace, of which no record knows: left by something that went wrong.',
    'natspace gc removes them.',
    'what natspace gc --dry-run shows',
    ['ST-HALF', 'ST-VERSION', 'ST-BOOT', 'FW-GONE', 'LNK-LOST', 'NS-GONE', 'NS-STALE'],
  ),
  'ST-POOLFULL': fault(
    'notice',
    'No network is free for another space',
    'All that natspace chooses from is in use, or routed elsewhere on this host.',
    'Give a network with --gateway, or take down spaces that are not needed.',
    'routes and addresses of the host cover the whole pool',
  ),
  'ST-DRIFT': fault(
    'warning',
    'The space differs from what was asked for',
    'Somebody changed what natspace had made.',
    'natspace up puts it right; natspace watch does so by itself.',
    'the difference that natspace status shows',
    [...causes, 'MTU-', 'ST-BOOT', 'ST-HALF'],
  ),
} as const
