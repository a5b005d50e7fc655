import { openNamespace } from '../../linux/sys/namespace.ts'
import { Socket } from '../../linux/sys/socket.ts'
import type { World } from './world.ts'

/** A program that listens, until the fault is taken back. */
export const listen = (world: World, where: string | undefined, address: string, port: number): void => {
  using namespace = where === undefined ? undefined : openNamespace(where)
  const socket = Socket.listen(
    { address, port },
    namespace === undefined ? {} : { namespace: namespace.number },
  )
  world.later(() => socket.close())
}
