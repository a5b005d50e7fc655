/**
 * A program of its own, started by a test inside a space: sends the same datagram over and over, from the moment the cable
 * works to the moment it is gone. `bun flood.ts NAMESPACE HOST-MAC SOURCE DESTINATION PORT`
 */
import { udp } from './frame.ts'
import { Wire } from './wire.ts'

const [namespace = '', mac = '', source = '', destination = '', port = ''] = process.argv.slice(2)
const packet = udp({ source, destination, sourcePort: 5555, port: Number(port) }, 'flood')
const end = performance.now() + 10_000

const openWire = (): Wire | undefined => {
  try {
    return new Wire(namespace, 'eth0')
  } catch {
    // There is no cable yet, or no more.
    return undefined
  }
}

let wire: Wire | undefined
while (performance.now() < end) {
  wire ??= openWire()
  try {
    wire?.send(mac, packet)
  } catch {
    // Down, not up yet, or gone: a cable of the same name may come.
    wire = wire === undefined ? undefined : openWire()
  }
}
