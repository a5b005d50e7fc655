import { queueFlags } from '../expressions/queue.ts'
import { byteLength, operandTypes } from '../syntax/operand-type.ts'
import type { Statement } from '../syntax/statement.ts'
import { load } from './load.ts'
import { type Program, registerNumber, registersFor } from './program.ts'
import { requireFor } from './requirements.ts'

/** The statements that hand the packet, or its key, to something else. */

/** `add @SET { KEY }` */
export const compileDynset = (program: Program, statement: Extract<Statement, { kind: 'dynset' }>): void => {
  const { key, data, stateful } = statement
  requireFor(program, key)
  if (data) requireFor(program, data)
  load(program, key, 0)
  const width = operandTypes(key).reduce((sum, field) => sum + registersFor(byteLength(field.bits)), 0)
  const dataIndex = Math.ceil(width / 4) * 4
  if (data) load(program, data, dataIndex)
  const [first, ...more] = stateful
  program.emit({
    name: 'dynset',
    data: {
      keyRegister: 1,
      ...(data ? { dataRegister: registerNumber(dataIndex) } : {}),
      operation: statement.operation,
      set: statement.set,
      ...(statement.timeout === undefined ? {} : { timeout: BigInt(statement.timeout) }),
      ...(first === undefined
        ? {}
        : more.length === 0
          ? { flags: 2, expression: first }
          : { flags: 2, expressions: stateful }),
    },
  })
}

/** `queue` */
export const compileQueue = (program: Program, statement: Extract<Statement, { kind: 'queue' }>): void => {
  const flags = statement.flags.reduce((sum, flag) => sum | queueFlags[flag], 0)
  if (statement.number.kind === 'value') {
    const number = Number([statement.number.value].flat()[0])
    const total = (statement.last ?? number) - number + 1
    program.emit({ name: 'queue', data: { number, total, ...(flags ? { flags } : {}) } })
    return
  }
  requireFor(program, statement.number)
  load(program, statement.number, 0)
  program.emit({ name: 'queue', data: { sreg: 1, ...(flags ? { flags } : {}) } })
}

/** `dup` */
export const compileDup = (
  program: Program,
  { address, device }: Extract<Statement, { kind: 'dup' }>,
): void => {
  if (address) load(program, address, 0)
  const deviceIndex = address ? 4 : 0
  if (device) load(program, device, deviceIndex)
  program.emit({
    name: 'dup',
    data: { ...(address ? { address: 1 } : {}), ...(device ? { device: registerNumber(deviceIndex) } : {}) },
  })
}

/** `fwd` */
export const compileForward = (
  program: Program,
  statement: Extract<Statement, { kind: 'forward' }>,
): void => {
  const { address, device, family } = statement
  load(program, device, 0)
  if (address) load(program, address, 4)
  program.emit({
    name: 'fwd',
    data: {
      device: 1,
      ...(address ? { address: registerNumber(4) } : {}),
      ...(family ? { family: family === 'ip' ? 2 : 10 } : {}),
    },
  })
}

/** `tproxy` */
export const compileTproxy = (program: Program, statement: Extract<Statement, { kind: 'tproxy' }>): void => {
  const { address, port, family } = statement
  if (address) load(program, address, 0)
  const portIndex = address ? 4 : 0
  if (port) load(program, port, portIndex)
  program.emit({
    name: 'tproxy',
    data: {
      family: family === undefined ? 0 : family === 'ip' ? 2 : 10,
      ...(address ? { address: 1 } : {}),
      ...(port ? { port: registerNumber(portIndex) } : {}),
    },
  })
}
