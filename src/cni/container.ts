/** What a request says of the container: who it is, where its namespace is, and what is asked for it. */

import type { Kernel, NamespaceState } from '../linux/kernel.ts'
import type { Context } from '../space/reconcile/types.ts'
import { quote } from '../space/spec/quote.ts'
import type { Attachment } from '../space/spec/types.ts'
import type { Identity } from './attachment.ts'
import type { Asked, Configuration, Header } from './configuration.ts'
import type { Endpoint, Request } from './environment.ts'
import { CniError, cniCode } from './error.ts'

/** The attachment that a request is about. Throws CniError 4. */
export const identityOf = ({ network }: Header, endpoint: Endpoint | undefined): Identity => {
  if (endpoint === undefined) throw new CniError(cniCode.environment, 'CNI_CONTAINERID is missing')
  return { network, ...endpoint }
}

/** The namespace of a request. Throws CniError 4 for a path that is no network namespace, or this host's own. */
export const namespaceOf = ({ kernel }: Context, request: Request): string =>
  provenNamespace(kernel, request, path => kernel.namespaceState(path))

/** Likewise; and whatever is done there is done to that very namespace, wherever the path leads in a moment. */
export const heldNamespaceOf = ({ kernel }: Context, request: Request): string =>
  provenNamespace(kernel, request, path => kernel.holdNamespace(path))

const provenNamespace = (
  kernel: Kernel,
  { namespacePath }: Request,
  look: (path: string) => NamespaceState,
): string => {
  const refuse = (why: string) =>
    new CniError(cniCode.environment, `cannot use CNI_NETNS ${quote(namespacePath ?? '')}`, why)
  if (namespacePath === undefined) throw refuse('it is missing')
  const state = look(namespacePath)
  if (state !== 'present') throw refuse(`it is no network namespace: ${state}`)
  if (kernel.namespaceIdentity(namespacePath) === kernel.namespaceIdentity(undefined))
    throw refuse('it is the network namespace of this host itself')
  return namespacePath
}

/** What of the environment the configuration is read for. */
export const askedOf = ({ endpoint, arguments: given }: Request, isBehind = false): Asked => ({
  ...(endpoint === undefined ? {} : { interface: endpoint.interface }),
  address: given.get('IP'),
  mac: given.get('MAC'),
  isBehind,
})

/** What is noted of the container; of the pod what the runtimes of Kubernetes say in CNI_ARGS. */
export const attachmentOf = (
  { network, container }: Identity,
  namespacePath: string,
  { arguments: given }: Request,
  { aliases }: Configuration,
): Attachment => {
  const [namespace, name] = [given.get('K8S_POD_NAMESPACE'), given.get('K8S_POD_NAME')]
  const pod = { ...(namespace ? { namespace } : {}), ...(name ? { name } : {}) }
  return {
    ...{ network, container, namespacePath },
    ...(Object.keys(pod).length === 0 ? {} : { pod }),
    ...(aliases.length === 0 ? {} : { aliases }),
  }
}
