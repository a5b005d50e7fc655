import { expect, test } from 'bun:test'
import { protocolVersion } from '../../../src/server/protocol.ts'
import { pageVersion } from './server.ts'

test('the page speaks the version of the protocol that the server speaks', () => {
  expect(pageVersion).toBe(protocolVersion)
})
