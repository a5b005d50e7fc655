import type { RawSpec, SpaceSpec } from '../space/spec/types.ts'
import { validateSpec } from '../space/spec/validate.ts'
import { network } from './places.ts'

const { space } = network

/** The space of the experiment, as a user would ask for it. */
export const experimentRawSpec = {
  gateway: `${space.gateway}/${network.prefixLength}`,
  address: space.address,
  hostInterface: space.hostInterface,
  interface: space.interface,
  uplink: network.uplink,
  publish: [`${space.publishedPort}:${space.port}`],
  fixFirewall: true,
} as const satisfies RawSpec

export const experimentSpec = (): SpaceSpec => validateSpec(space.name, experimentRawSpec)
