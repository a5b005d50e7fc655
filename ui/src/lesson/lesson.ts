import type { LabReport } from '../../../src/server/protocol.ts'

/** The lesson's facts and its logic, without a word that has to be translated. */

export const stepNumbers = [1, 2, 3, 4, 5, 6, 7, 8, 9] as const
export type StepNumber = (typeof stepNumbers)[number]

/** What a person types, in the names and addresses of the experiment. */
export const commandsByHand: Readonly<Record<StepNumber, readonly string[]>> = {
  1: ['ip netns add myspace'],
  2: ['ip link add veth1 type veth peer name veth2'],
  3: ['ip link set veth2 netns myspace'],
  4: ['ifconfig veth1 192.168.45.2 netmask 255.255.255.0 up'],
  5: ['ip netns exec myspace ifconfig veth2 192.168.45.3 netmask 255.255.255.0 up'],
  6: ['ip netns exec myspace route add default gw 192.168.45.2'],
  7: ['echo 1 > /proc/sys/net/ipv4/ip_forward'],
  8: ['iptables -t nat -A POSTROUTING -s 192.168.45.0/24 -o eth0 -j MASQUERADE'],
  9: [
    'iptables -t filter -A FORWARD -i eth0 -o veth1 -j ACCEPT',
    'iptables -t filter -A FORWARD -o eth0 -i veth1 -j ACCEPT',
  ],
}

export const isStep = (number: number): number is StepNumber => stepNumbers.some(step => step === number)

/** What a run came to. */
export type Verdict = 'works' | 'cured' | 'fails' | 'unexpected'

/**
 * What a run came to, by its proofs: with all steps it has to work, without one it has to fail as it must. `before` is the
 * step that was left out in the run before. Pure.
 */
export const verdictOf = (
  { state, proofs }: Pick<LabReport, 'state' | 'proofs'>,
  before: number | null,
): Verdict => {
  if (proofs.length === 0 || proofs.some(({ ok }) => !ok)) return 'unexpected'
  if (state.without !== null) return 'fails'
  return before === null ? 'works' : 'cured'
}
