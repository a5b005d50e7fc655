import { expect } from 'bun:test'
import type { Reply, Run } from './types.ts'

export type Json = Record<string, unknown>

/** The one object that a reply consists of. Throws where standard output is anything else. */
export const jsonOf = ({ stdout }: Reply): Json => JSON.parse(stdout) as Json

/** Requests that succeeded, and printed what their kind prints. */
export const expectSuccess = (reply: Reply | undefined): Json => {
  expect(reply).toBeDefined()
  expect({ status: reply?.status, said: reply?.status === 0 ? '' : reply?.stdout }).toEqual({
    status: 0,
    said: '',
  })
  return reply === undefined || reply.stdout === '' ? {} : jsonOf(reply)
}

/** A request that succeeded without a word. */
export const expectSilence = (reply: Reply | undefined): void => {
  expect(reply).toEqual({ status: 0, stdout: '', stderr: reply?.stderr ?? '' })
}

/** A request that was refused as the specification has it; returns the error. */
export const expectError = (reply: Reply | undefined, ...codes: readonly number[]): Json => {
  expect(reply).toBeDefined()
  expect(reply?.status).not.toBe(0)
  const error = reply === undefined ? {} : jsonOf(reply)
  expect(codes).toContain(error.code as number)
  expect(typeof error.cniVersion).toBe('string')
  expect(typeof error.msg).toBe('string')
  expect(error.msg).not.toBe('')
  for (const key of Object.keys(error)) expect(['cniVersion', 'code', 'msg', 'details']).toContain(key)
  return error
}

/** All replies are errors with one of the codes. */
export const expectErrors = ({ replies }: Run, count: number, ...codes: readonly number[]): Json[] => {
  expect(replies).toHaveLength(count)
  return replies.map(reply => expectError(reply, ...codes))
}
