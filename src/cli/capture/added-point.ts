import type { AddedPoint } from '../../insight/capture/points.ts'
import { namespacePath } from '../../space/spec/names.ts'
import { quote } from '../../space/spec/quote.ts'
import { usageError } from '../options.ts'

/**
 * The point that `--at [NAMESPACE:]INTERFACE` names: the namespace by its name, as ip-netns(8) knows it, or by its path. No
 * interface has a colon in its name. Throws NatspaceError (exit 2).
 */
export const addedPoint = (text: string): AddedPoint => {
  const colon = text.lastIndexOf(':')
  const name = text.slice(colon + 1)
  const namespace = colon < 0 ? undefined : text.slice(0, colon)
  const isPath = namespace?.startsWith('/')
  if (name === '' || namespace === '' || (!isPath && namespace?.includes('/')))
    throw usageError(
      'BAD_CAPTURE_POINT',
      `Cannot use --at ${quote(text)}`,
      'it takes the name of an interface, or that of a namespace, a colon, and an interface',
      ['write --at eth1, or --at web:eth0'],
    )
  if (namespace === undefined) return { where: undefined, interface: name }
  return isPath
    ? { where: namespace, interface: name }
    : { where: namespacePath(namespace), place: namespace, interface: name }
}
