import { expect, test } from 'bun:test'
import { articleSpace } from './article-space.ts'
import { articleOutside, topics } from './topics.ts'

const policyOf = (rest: Partial<typeof articleSpace>) =>
  topics.policy({ ...articleSpace, ...rest }, articleOutside).points.join('\n')

test('what a space may reach is told with its own policy', () => {
  const plain = policyOf({})
  expect(plain).toContain('its resolver (port 53) and echo (ping), and nothing else.')
  expect(plain).toContain('myspace may open connections to none')
  expect(plain).toContain('(--metadata): refused')
  expect(plain).toContain('by eth0 alone')
  expect(plain).toContain('(--egress): all')
  const other = policyOf({
    internal: true,
    host: 'none',
    metadata: true,
    connect: [{ name: 'db', hostInterface: 'veth-db', address: '10.2.0.2' }],
    egress: [{ network: '10.0.0.0/8', port: { first: 443, last: 443 } }],
  })
  expect(other).toContain('nothing, not even echo.')
  expect(other).toContain('may open connections to db')
  expect(other).toContain('is internal and begins nothing')
  expect(other).toContain('(--metadata): allowed')
  expect(other).toContain('only 10.0.0.0/8:443')
})

test('a published port leads inside by IPv6 too where the space has it', () => {
  const ipv6 = { gateway: 'fd00::1', address: 'fd00::2', prefixLength: 126, network: 'fd00::/126' }
  expect(topics.inbound({ ...articleSpace, ipv6 }, articleOutside).after[0]).toContain('[fd00::2]:80')
  expect(topics.inbound(articleSpace, articleOutside).after.join()).not.toContain('IPv6')
})
