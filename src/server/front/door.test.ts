import { expect, test } from 'bun:test'
import { cookieValue, Door } from './door.ts'

test('a token opens once', () => {
  const door = new Door()
  const token = door.newToken()
  expect(token).toMatch(/^[\w-]{43}$/)
  expect(door.tryToken(token)).toBe('right')
  expect(door.tryToken(token)).toBe('wrong')
})

test('no token opens before there is one, nor one that was taken back', () => {
  const door = new Door()
  expect(door.tryToken('')).toBe('wrong')
  const token = door.newToken()
  door.forgetToken()
  expect(door.tryToken(token)).toBe('wrong')
})

test('twenty wrong ones a minute are looked at', () => {
  let now = 0
  const door = new Door(() => now)
  const token = door.newToken()
  const tries = (count: number) => Array.from({ length: count }, () => door.tryToken('wrong'))
  expect(new Set(tries(20))).toEqual(new Set(['wrong']))
  expect(door.tryToken('wrong')).toBe('too many')
  now = 61_000
  expect(door.tryToken('wrong')).toBe('wrong')
  expect(door.tryToken(token)).toBe('right')
})

test('sessions differ, and the oldest goes when there are too many', () => {
  const door = new Door()
  const sessions = Array.from({ length: 17 }, () => door.newSession(1000))
  expect(new Set(sessions).size).toBe(17)
  expect(sessions.map(session => door.hasSession(session, 1000))).toEqual([false, ...Array(16).fill(true)])
  expect(door.hasSession('', 1000)).toBe(false)
})

test('cookies', () => {
  expect(cookieValue('a=1; natspace-80=x=y; b=2', 'natspace-80')).toBe('x=y')
  expect(cookieValue('natspace-80=x; natspace-80=y', 'natspace-80')).toBeUndefined()
  expect(cookieValue('natspace-8=x', 'natspace-80')).toBeUndefined()
  expect(cookieValue(undefined, 'natspace-80')).toBeUndefined()
})

test('a session is for one user', () => {
  const door = new Door()
  const [mine, remote] = [door.newSession(1000), door.newSession(undefined)]
  expect([1000, 1001, 0, undefined].map(user => door.hasSession(mine, user))).toEqual([
    true,
    false,
    false,
    false,
  ])
  expect([1000, undefined].map(user => door.hasSession(remote, user))).toEqual([false, true])
})
