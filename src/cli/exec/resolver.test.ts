import { expect, test } from 'bun:test'
import { chooseResolver } from './resolver.ts'

const upstream = '/run/systemd/resolve/resolv.conf'
const files = (texts: Record<string, string>) => (path: string) => texts[path]

test('the resolvers of the space come first', () => {
  expect(chooseResolver(['192.0.2.1', '2001:db8::1'], files({}))).toEqual({
    text: 'nameserver 192.0.2.1\nnameserver 2001:db8::1\n',
  })
})

test('a resolver on the loopback of the host is replaced by those that it asks', () => {
  const read = files({
    '/etc/resolv.conf': '# x\nnameserver 127.0.0.53\noptions edns0\n',
    [upstream]: 'nameserver 192.0.2.9\n',
  })
  expect(chooseResolver(undefined, read)).toEqual({ file: upstream })
  expect(chooseResolver([], read)).toEqual({ file: upstream })
})

test('the file of the host stays where it names a resolver that can be reached, none, or there is no better', () => {
  const better = { [upstream]: 'nameserver 192.0.2.9\n' }
  for (const texts of [
    { '/etc/resolv.conf': 'nameserver 127.0.0.1\nnameserver 192.0.2.1\n', ...better },
    { '/etc/resolv.conf': 'search example.org\n', ...better },
    { '/etc/resolv.conf': 'nameserver 127.0.0.53\n' },
    { '/etc/resolv.conf': 'nameserver 127.0.0.53\n', [upstream]: '# none yet\n' },
    better,
  ])
    expect(chooseResolver(undefined, files(texts))).toBeUndefined()
})
