import type { ResolvedSpace } from '../spec/types.ts'
import type { StepName } from '../steps.ts'
import { shellCommand } from './quote-shell.ts'

/** A command that shows something on a space that is up, and what to look for in what it prints. */
export type Evidence = { command: string; shows: string }

/** `natspace trace NAME --to DEST`, or any other command of natspace about the space. */
export const commandOn = (
  { name }: Pick<ResolvedSpace, 'name'>,
  command: string,
  ...words: string[]
): string => shellCommand('natspace', command, name, ...words)

/** Which command shows that a step was taken, with the values of a space; `outside` as in topics.ts. Pure. */
export const stepEvidence = (
  space: ResolvedSpace,
  step: StepName,
  { other, uplink }: { other: string; uplink: string },
): Evidence => {
  const { address, gateway, hostInterface, interface: inner, internal } = space
  const status = (shows: string): Evidence => ({ command: commandOn(space, 'status'), shows })
  const to = (destination: string, shows: string): Evidence => ({
    command: commandOn(space, 'trace', '--to', destination),
    shows: internal && destination === other ? 'that nothing leaves, as the space is internal' : shows,
  })
  const texts: Record<StepName, () => Evidence> = {
    namespace: () => status('that it is there, and where'),
    cable: () => to(gateway, `what ${inner} sends comes in by ${hostInterface}`),
    plug: () => status(`which end is inside: ${inner}`),
    'host-address': () =>
      to(
        gateway,
        space.host === 'none'
          ? 'that it comes to the host end, which is to answer nothing'
          : 'that the host end answers',
      ),
    'inner-address': () => to(gateway, `that the source is ${address}`),
    'default-route': () => to(other, `routing at ${inner}: default via ${gateway}`),
    forwarding: () => to(other, `routing at ${hostInterface} leads on to ${uplink}, and the TTL is one less`),
    masquerade: () => to(other, `postrouting at ${uplink}: the source ${address} becomes another`),
    forward: () => to(other, 'forward, of the request and of the reply: who accepts them, by which rule'),
    publish: () => ({
      command: commandOn(space, 'trace', '--from', 'any', '--limit', '1', '-v'),
      shows: 'prerouting of the next connection from outside: its destination becomes another',
    }),
    guard: () => ({
      command: commandOn(space, 'trace', '--to', other, '-v'),
      shows: 'the chains of inet natspace that a packet passes, and what each is for',
    }),
    record: () => status('what differs from it'),
  }
  return texts[step]()
}
