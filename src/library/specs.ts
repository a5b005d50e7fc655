import { NatspaceError } from '../space/errors.ts'
import { fieldSite } from '../space/spec/fault.ts'
import { findPublishClash } from '../space/spec/publish-clash.ts'
import { quote } from '../space/spec/quote.ts'
import type { RawSpec, SpaceSpec } from '../space/spec/types.ts'
import { duplicatePort, validateSpec } from '../space/spec/validate.ts'
import { kindOf } from './arguments.ts'
import { randomName } from './random-name.ts'

/** A space as a spec file writes it, with its name. */
export type SpaceOptions = RawSpec & {
  /** Default: `ns-` and six letters and digits of its own. */
  name?: string
}

/**
 * Checks what spaces are asked for: keys, types, values, and how they fit together. Throws NatspaceError (exit 2), and TypeError
 * for what is no list.
 */
export const readSpecs = async (options: readonly SpaceOptions[]): Promise<SpaceSpec[]> => {
  if (!Array.isArray(options)) throw new TypeError(`spaces are given as a list, not as ${kindOf(options)}`)
  const shape = await import('../space/spec/shape.ts')
  const { SPACE_KEYS } = await import('../space/spec/schema.ts')
  const nowhere = () => undefined
  const specs = options.map((item: unknown) => {
    const given = item instanceof Object && !Array.isArray(item) ? (item as SpaceOptions) : undefined
    if (given === undefined) throw shape.badType(['space'], 'Object', item, nowhere)
    const { name = randomName(), ...raw } = given
    if (typeof name !== 'string') throw shape.badType(['name'], 'string', name, nowhere)
    return validateSpec(name, shape.checkShape(raw, ['space'], nowhere, ['name', ...SPACE_KEYS]))
  })
  refuseSameName(specs)
  refuseSamePort(specs)
  return specs
}

const refuseSameName = (specs: readonly SpaceSpec[]): void => {
  const again = specs.find(({ name }, index) => specs.findIndex(other => other.name === name) < index)
  if (again === undefined) return
  throw new NatspaceError({
    code: 'DUPLICATE_NAME',
    exit: 2,
    what: `cannot bring up two spaces ${quote(again.name)}`,
    why: 'each has a name of its own',
    fix: ['give one of them another name'],
  })
}

const refuseSamePort = (specs: readonly SpaceSpec[]): void => {
  const clash = findPublishClash(
    specs.flatMap(({ name, publish }) => publish.map(item => ({ space: name, publish: item }))),
  )
  if (clash === undefined) return
  throw duplicatePort(clash.earlier, { ...clash.later, site: fieldSite(['publish']) })
}
