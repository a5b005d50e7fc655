import { expect, test } from 'bun:test'
import { tokenIn } from './session.ts'

test('a token is told from a view', () => {
  expect(tokenIn('#token=Zm9v-_1')).toBe('Zm9v-_1')
  expect(tokenIn('#0123456789abcdef')).toBe('0123456789abcdef')
  for (const hash of ['', '#', '#/topology', '#/walk/token', '#short']) expect(tokenIn(hash)).toBeUndefined()
})
