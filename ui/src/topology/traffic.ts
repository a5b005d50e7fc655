/** Rates of the cables, as words on them and as how fast the dots run. Pure. */
import type { Rate } from '../app/live.ts'
import { brief } from '../numbers.ts'

/** '↑ 12/s ↓ 3/s'; empty where nothing goes. */
export const rateText = ({ sentPackets, receivedPackets }: Rate): string =>
  sentPackets + receivedPackets === 0
    ? ''
    : `↑${brief(Math.ceil(sentPackets))} ↓${brief(Math.ceil(receivedPackets))}/s`

/** The texts of all cables. */
export const trafficTexts = (rates: Readonly<Record<string, Rate>>): Record<string, string> =>
  Object.fromEntries(Object.entries(rates).map(([id, rate]) => [id, rateText(rate)]))

/** 0 where nothing goes, up to 4: few steps, as a dot that changes its pace jumps. */
export const pace = (packets: number): 0 | 1 | 2 | 3 | 4 =>
  packets <= 0 ? 0 : packets < 10 ? 1 : packets < 200 ? 2 : packets < 5000 ? 3 : 4
