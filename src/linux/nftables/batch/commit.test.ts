import { expect, test } from 'bun:test'
import { Connection } from '../../netlink/connection.ts'
import { ProtocolError } from '../../netlink/errors.ts'
import { errno, SystemError } from '../../sys/errno.ts'
import type { NftCommand } from './command.ts'
import { commit } from './commit.ts'
import { BatchTooLargeError } from './errors.ts'

const add: NftCommand = { type: 'table.add', family: 'inet', table: 't' }

/** A connection whose socket does as it is told. */
const over = (socket: Partial<Parameters<typeof Connection.over>[0]>): Connection =>
  Connection.over({ descriptor: -1, growReceiveBuffer() {}, [Symbol.dispose]() {}, ...socket } as Parameters<
    typeof Connection.over
  >[0])

test('a batch that the socket cannot send at once says how large it is', () => {
  const connection = over({
    send() {
      throw new SystemError('sendto', errno.EMSGSIZE)
    },
  })
  try {
    commit(connection, [add])
    throw new Error('Nothing was thrown')
  } catch (error) {
    expect(error).toBeInstanceOf(BatchTooLargeError)
    expect(error).toMatchObject({ code: 'EMSGSIZE', bytes: 76 })
  }
})

test('other failures of the socket come out as they are', () => {
  const connection = over({
    send() {
      throw new SystemError('sendto', errno.EPERM)
    },
  })
  expect(() => commit(connection, [add])).toThrow(SystemError)
})

test('refusals that were lost are no success', () => {
  let calls = 0
  const connection = over({
    send() {},
    receive() {
      calls++
      if (calls === 1) throw new SystemError('recvfrom', errno.ENOBUFS)
      return undefined
    },
  })
  expect(() => commit(connection, [add])).toThrow(ProtocolError)
  expect(calls).toBe(2)
})
