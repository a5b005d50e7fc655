/** A port of a bridge that a fault of the lab disables stays disabled. */
import { expect, test } from 'bun:test'
import { World } from '../../src/lab/scenarios/world.ts'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { bridgePorts, portState, setBridgePort } from '../../src/linux/rtnetlink/bridge-port.ts'
import { addLink, setLink } from '../../src/linux/rtnetlink/link.ts'
import { pause } from '../../src/linux/sys/pause.ts'
import { articleSpace } from '../../src/space/text/article-space.ts'
import { ip, requireSandbox } from '../support/sandbox.ts'

requireSandbox()

test('what is set at a port once its link is settled, the kernel does not set otherwise', () => {
  const world = new World(new LinuxKernel(), articleSpace)
  world.route(undefined, addLink('bridge', 'br-test'))
  const bridge = world.link(undefined, 'br-test').index
  world.route(undefined, setLink(bridge, { up: true }))
  for (let round = 0; round < 20; round += 1) {
    const index = world.freeIndex(undefined)
    const end = (name: string, number: number) => ({ where: undefined, name, index: number, mtu: undefined })
    world.change({
      type: 'veth.add',
      ...end('port', index),
      address: '02:00:00:00:0f:01',
      peer: { ...end('far', index + 1), address: '02:00:00:00:0f:02' },
    })
    world.route(undefined, setLink(index, { master: bridge, up: true }), setLink(index + 1, { up: true }))
    // Without this the kernel opens the port again, in each round.
    world.settle(index)
    world.route(undefined, setBridgePort(index, 'disabled'))
    pause(20)
    expect(bridgePorts(undefined).find(port => port.index === index)?.state).toBe(portState.disabled)
    ip('link delete port')
  }
})
