/** Limits: `runtimeConfig.bandwidth`, or the same keys in the configuration, as the plugin bandwidth has them. */

import type { Rate } from '../space/spec/types.ts'
import { badField, type Fields } from './fields.ts'

export const bandwidthKeys = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst']

/** Bits, as the plugin bandwidth has it: 4 GiB. */
const longestBurst = 2 ** 32 * 8 - 8

/**
 * Reads rates (bits per second) and bursts (bits, of which whole bytes count), which come in pairs; 0 is none. What the
 * runtime asks for takes the place of what the configuration says. The plugin's ingress is what reaches the container.
 * Throws CniError 7.
 */
export const parseBandwidth = (fields: Fields, runtime: Fields | undefined): Rate | undefined => {
  const asked = runtime?.object('bandwidth')
  asked?.allow(...bandwidthKeys)
  const from = asked ?? fields
  const down = parsePair(from, 'ingress')
  const up = parsePair(from, 'egress')
  if (up === undefined && down === undefined) return undefined
  return {
    ...(up === undefined ? {} : { up: up.rate, upBurst: up.burst }),
    ...(down === undefined ? {} : { down: down.rate, downBurst: down.burst }),
  }
}

const parsePair = (fields: Fields, direction: 'ingress' | 'egress') => {
  const [rateKey, burstKey] = [`${direction}Rate`, `${direction}Burst`]
  const rate = fields.number(rateKey, 0, Number.MAX_SAFE_INTEGER) || undefined
  const burst = fields.number(burstKey, 0, longestBurst) || undefined
  if (rate === undefined && burst === undefined) return undefined
  if (rate === undefined) throw badField(fields.at(rateKey), rate, `it must be there beside ${burstKey}`)
  if (burst === undefined) throw badField(fields.at(burstKey), burst, `it must be there beside ${rateKey}`)
  return { rate, burst: Math.max(1, Math.floor(burst / 8)) }
}
