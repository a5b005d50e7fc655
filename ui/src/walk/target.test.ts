import { expect, test } from 'bun:test'
import { fieldsOf, targetOf } from './target.ts'

test('fields become a target as the command takes it', () => {
  expect(targetOf({ host: ' 192.168.1.15 ', protocol: 'icmp', port: '80' })).toEqual({
    to: '192.168.1.15/icmp',
  })
  expect(targetOf({ host: 'example.org', protocol: 'tcp', port: '0443' })).toEqual({
    to: 'example.org:443/tcp',
  })
  expect(targetOf({ host: '2001:db8::1', protocol: 'udp', port: '53' })).toEqual({
    to: '[2001:db8::1]:53/udp',
  })
  expect(targetOf({ host: '[2001:db8::1]', protocol: 'icmp', port: '' })).toEqual({
    to: '[2001:db8::1]/icmp',
  })
})

test('what is wrong is told', () => {
  expect(targetOf({ host: ' ', protocol: 'icmp', port: '' })).toEqual({ problem: 'no-host' })
  expect(targetOf({ host: 'a b', protocol: 'icmp', port: '' })).toEqual({ problem: 'bad-host' })
  expect(targetOf({ host: 'a/b', protocol: 'icmp', port: '' })).toEqual({ problem: 'bad-host' })
  expect(targetOf({ host: 'a', protocol: 'tcp', port: '' })).toEqual({ problem: 'no-port' })
  for (const port of ['0', '65536', '-1', '8a', '1e3'])
    expect(targetOf({ host: 'a', protocol: 'udp', port })).toEqual({ problem: 'bad-port' })
})

test('what is pasted whole is taken apart, and a mere host is left alone', () => {
  expect(fieldsOf('192.168.1.15:80/tcp')).toEqual({ host: '192.168.1.15', protocol: 'tcp', port: '80' })
  expect(fieldsOf('[2001:db8::1]:53/udp')).toEqual({ host: '2001:db8::1', protocol: 'udp', port: '53' })
  expect(fieldsOf('host2:22')).toEqual({ host: 'host2', protocol: 'tcp', port: '22' })
  expect(fieldsOf('192.168.1.15')).toBeUndefined()
  expect(fieldsOf('2001:db8::1')).toBeUndefined()
})
