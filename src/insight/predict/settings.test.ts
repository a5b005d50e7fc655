import { describe, expect, test } from 'bun:test'
import { facts, route } from '../../../test/support/predict-facts.ts'
import { routeType } from '../../linux/rtnetlink/route.ts'
import type { RouteDecision } from '../walk/route-decisions.ts'
import type { PlaceFacts } from './facts.ts'
import { forwardingOff, inputRefusal } from './settings.ts'
import type { Wire } from './wire.ts'

const wire: Wire = { family: 4, source: '10.0.0.2', destination: '198.51.100.7', protocol: 6 }
const veth = { name: 'veth1', index: 5 }

const missing = (code: string, destination = wire.destination): RouteDecision => ({
  found: false,
  question: { destination },
  code,
  errno: 22,
  kernelMessage: undefined,
})

const host = (settings: Record<string, string> = {}, hostFacts: Partial<PlaceFacts> = {}): PlaceFacts =>
  facts({ settings, hostFacts }).host

const reason = (place: PlaceFacts, decision: RouteDecision, packet = wire): string | undefined =>
  inputRefusal(place, decision, packet, veth, 'host')?.reason

describe('why the kernel refuses a packet that comes in', () => {
  test('a route that forbids, the one with the longest prefix', () => {
    const { routes } = host()
    const black = route('198.51.100.0/24', 0, { type: routeType.blackhole })
    expect(reason(host({}, { routes: [...routes, black] }), missing('EINVAL'))).toBe(
      'the route 198.51.100.0/24 is of the kind blackhole (table 254), in this host',
    )
    const better = [...routes, black, route('198.51.100.7/32', 6)]
    expect(reason(host({}, { routes: better }), missing('EINVAL'))).not.toContain('blackhole')
    expect(reason(host(), missing('ENETUNREACH'))).toBe(
      'no route leads to 198.51.100.7 (ENETUNREACH), in this host',
    )
  })

  test('a route of the table that a rule leads to, or the rule itself', () => {
    const rule = (priority: number, table: number, more: object = {}) => ({
      ...{
        family: 4 as const,
        priority,
        source: 'all',
        destination: 'all',
        table,
        action: 1,
        inverted: false,
      },
      ...{ inputName: undefined, outputName: undefined, mark: undefined, markMask: undefined },
      ...more,
    })
    const routes = [...host().routes, route('0.0.0.0/0', 0, { type: routeType.blackhole, table: 77 })]
    const usual = [rule(0, 255), rule(32_766, 254)]
    const marked = { ...missing('EINVAL'), question: { destination: wire.destination, mark: 7 } }
    const led = host({}, { routes, rules: [...usual, rule(100, 77, { mark: 7 })] })
    expect(reason(led, marked)).toBe('the route 0.0.0.0/0 is of the kind blackhole (table 77), in this host')
    expect(reason(led, missing('EINVAL'))).not.toContain('blackhole')
    const forbidden = host(
      {},
      { routes, rules: [...usual, rule(100, 0, { source: '10.0.0.0/8', action: 8 })] },
    )
    const asked = { ...missing('EACCES'), question: { destination: wire.destination, source: wire.source } }
    expect(reason(forbidden, asked)).toBe(
      'the rule of priority 100 of policy routing says prohibit, in this host',
    )
  })

  test('addresses of the loopback, unless route_localnet lets them in', () => {
    const loopback = { ...wire, destination: '127.0.0.1' }
    expect(reason(host(), missing('EINVAL', '127.0.0.1'), loopback)).toBe(
      '127.0.0.1 cannot come in by veth1: addresses of the loopback stay within a host',
    )
    const allowed = { 'net.ipv4.conf.veth1.route_localnet': '1' }
    expect(reason(host(allowed), missing('EINVAL', '127.0.0.1'), loopback)).not.toContain('loopback')
  })

  test('an address of its own as the source, unless accept_local', () => {
    const own = { ...wire, source: '192.0.2.1' }
    expect(reason(host(), missing('EINVAL'), own)).toBe(
      "it comes in by veth1 with an address of the receiver's own, 192.0.2.1",
    )
    expect(reason(host({ 'net.ipv4.conf.all.accept_local': '1' }), missing('EINVAL'), own)).not.toContain(
      'own',
    )
  })

  test('the reverse path filter: strict where another link leads back, loose where none does', () => {
    const stranger = { ...wire, source: '203.0.113.1' }
    const strict = { 'net.ipv4.conf.all.rp_filter': '0', 'net.ipv4.conf.veth1.rp_filter': '1' }
    const loose = { 'net.ipv4.conf.all.rp_filter': '2', 'net.ipv4.conf.veth1.rp_filter': '1' }
    const words = 'the reverse path filter of veth1 stops it: answers to its source would go another way'
    expect(reason(host(strict), missing('EINVAL'), stranger)).toBe(words)
    expect(reason(host(loose), missing('EINVAL'), stranger)).not.toBe(words)
    const { routes } = host()
    const without = routes.filter(({ destination }) => destination !== '0.0.0.0/0')
    expect(reason(host(loose, { routes: without }), missing('EXDEV'), stranger)).toBe(words)
  })

  test('what is not understood is said as the kernel does', () => {
    expect(reason(host(), missing('EINVAL'))).toBe(
      'the kernel refuses it at its routing decision (EINVAL), in this host',
    )
  })
})

test('forwarding of IPv6 has a switch for all, and one of a link that forces it', () => {
  const all = 'net.ipv6.conf.all.forwarding'
  const own = 'net.ipv6.conf.veth1.force_forwarding'
  expect(forwardingOff(host({ [all]: '1' }), 6, 'veth1')).toBeUndefined()
  expect(forwardingOff(host({ [all]: '0' }), 6, 'veth1')).toBe(`${all} is 0`)
  expect(forwardingOff(host({ [all]: '0', [own]: '0' }), 6, 'veth1')).toBe(`${all} and ${own} are 0`)
  expect(forwardingOff(host({ [all]: '0', [own]: '1' }), 6, 'veth1')).toBeUndefined()
})
