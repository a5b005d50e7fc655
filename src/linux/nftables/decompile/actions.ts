import type { Instruction } from '../expressions/index.ts'
import { queueFlags } from '../expressions/queue.ts'
import type { Operand } from '../syntax/operand.ts'
import type { Statement } from '../syntax/statement.ts'
import { type Machine, readKey } from './machine.ts'
import { resolve } from './resolve.ts'
import { valueFor } from './writes.ts'

/** Instructions that hand the packet, or its key, to something else; each undefined when a register is not known. */

type Data<N extends Instruction['name']> = Extract<Instruction, { name: N; data: unknown }>['data']

/** `counter name "X"`, or an object that a map gives. */
export const readObject = (machine: Machine, data: Data<'objref'>): Statement | undefined => {
  if (data.object !== undefined && data.type !== undefined)
    return { kind: 'object', type: data.type, name: data.object }
  const set = machine.sets.get(data.set ?? '')
  const key = set && readKey(machine, data.sreg, set.keyBytes)
  return set && key && { kind: 'objectMap', type: set.objectType, key, map: set.name }
}

/** `add @SET { KEY }` */
export const readDynset = (machine: Machine, data: Data<'dynset'>): Statement | undefined => {
  const set = machine.sets.get(data.set ?? '')
  const key = set && readKey(machine, data.keyRegister, set.keyBytes)
  if (set === undefined || key === undefined || typeof data.operation !== 'string') return undefined
  const value = data.dataRegister === undefined ? undefined : machine.registers.at(data.dataRegister)
  const target: Operand = { kind: 'map', key, map: set.name, data: set.data ?? [] }
  return {
    kind: 'dynset',
    operation: data.operation,
    set: set.name,
    key,
    ...(value === undefined ? {} : { data: valueFor(machine.packet, target, value) }),
    ...(data.timeout === undefined ? {} : { timeout: Number(data.timeout) }),
    stateful: data.expressions ?? (data.expression ? [data.expression] : []),
  }
}

const queueNumber = (value: number): Operand => ({ kind: 'value', value, types: ['integer host'] })

/** `queue to N` */
export const readQueue = (machine: Machine, data: Data<'queue'>): Statement | undefined => {
  const bits = data.flags ?? 0
  const flags = (Object.keys(queueFlags) as (keyof typeof queueFlags)[]).filter(
    flag => bits & queueFlags[flag],
  )
  if (data.sreg !== undefined) {
    const loaded = machine.registers.at(data.sreg)
    return loaded && { kind: 'queue', number: resolve(machine.packet, loaded).operand, flags }
  }
  const { number = 0, total = 1 } = data
  return {
    kind: 'queue',
    number: queueNumber(number),
    ...(total > 1 ? { last: number + total - 1 } : {}),
    flags,
  }
}

const addressType = (family: string | undefined): Operand => ({
  kind: 'value',
  value: 0,
  types: [family === 'ip6' ? 'ipv6_addr' : 'ipv4_addr'],
})
const deviceType: Operand = { kind: 'value', value: 0, types: ['iface_index'] }
const portType: Operand = { kind: 'value', value: 0, types: ['inet_service'] }

const operandFor = (
  { packet, registers }: Machine,
  like: Operand,
  register: number | undefined,
): Operand | undefined => {
  const loaded = registers.at(register)
  return loaded && valueFor(packet, like, loaded)
}

/** `dup to ADDRESS` */
export const readDup = (machine: Machine, data: Data<'dup'>): Statement | undefined => {
  const address = operandFor(machine, addressType(machine.packet.family), data.address)
  const device = operandFor(machine, deviceType, data.device)
  if (address === undefined && device === undefined) return undefined
  return { kind: 'dup', ...(address ? { address } : {}), ...(device ? { device } : {}) }
}

const familyOf = (number: number | undefined): 'ip' | 'ip6' | undefined =>
  number === 2 ? 'ip' : number === 10 ? 'ip6' : undefined

/** `fwd to DEVICE` */
export const readForward = (machine: Machine, data: Data<'fwd'>): Statement | undefined => {
  const family = familyOf(data.family)
  const device = operandFor(machine, deviceType, data.device)
  const address = operandFor(machine, addressType(family), data.address)
  if (device === undefined) return undefined
  return { kind: 'forward', device, ...(address ? { address } : {}), ...(family ? { family } : {}) }
}

/** `tproxy to ADDRESS:PORT` */
export const readTproxy = (machine: Machine, data: Data<'tproxy'>): Statement | undefined => {
  const family = familyOf(data.family)
  const address = operandFor(machine, addressType(family), data.address)
  const port = operandFor(machine, portType, data.port)
  return {
    kind: 'tproxy',
    ...(family ? { family } : {}),
    ...(address ? { address } : {}),
    ...(port ? { port } : {}),
  }
}
