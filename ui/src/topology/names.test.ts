import { expect, test } from 'bun:test'
import { en } from '../texts/en.ts'
import { article } from './fixture.test-support.ts'
import { nodeName, portName } from './names.ts'

const named = (id: string): string => {
  const node = article.nodes.find(item => item.id === id)
  return node === undefined ? '' : nodeName(article, node, en)
}

test('a screen reader hears what the eye sees', () => {
  expect(named('space:myspace')).toBe(
    'Space myspace, healthy, default via 192.168.45.2, cable veth2 192.168.45.3/24 to veth1 192.168.45.2/24',
  )
  expect(named('space:web')).toContain('drifted, 2 findings')
  expect(named('space:web')).toEndWith('down')
  expect(named('host')).toBe('Host host1')
  expect(article.ports.map(port => portName(port, en))).toEqual([
    'Published port 8080:80/tcp, myspace, LAN: yes, host: yes',
    'Published port 443/tcp, web, LAN: blocked, host: yes',
  ])
})
