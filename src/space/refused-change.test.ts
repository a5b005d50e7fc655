import { describe, expect, test } from 'bun:test'
import { type Change, ChangeError } from '../linux/change.ts'
import { NetlinkError } from '../linux/netlink/errors.ts'
import type { Answer, Feature } from '../linux/probe.ts'
import { refusedChange } from './refused-change.ts'

const numbers = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EEXIST: 17,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
}
const end = { where: undefined, index: 7, address: '02:00:00:00:00:01', mtu: undefined }
const veth: Change = { type: 'veth.add', ...end, name: 'a', peer: { ...end, name: 'b' } }
const firewall: Change = { type: 'nftables.commit', where: undefined, commands: [], generation: 1 }

const refused = (change: Change, code: keyof typeof numbers) =>
  new ChangeError(change, new NetlinkError({ operation: 'request', request: 0, errno: numbers[code] }))

const asker = (...missing: Feature[]) => {
  const asked: Feature[] = []
  const ask = (feature: Feature): Answer => {
    asked.push(feature)
    return missing.includes(feature)
      ? { answer: 'no', option: `CONFIG_${feature.toUpperCase()}`, evidence: `${feature} refused` }
      : { answer: 'yes' }
  }
  return { ask, asked }
}

describe('a change that the kernel refused', () => {
  test('names what the kernel lacks, and its option', () => {
    for (const code of ['EOPNOTSUPP', 'ENOENT', 'EPROTONOSUPPORT', 'EAFNOSUPPORT'] as const) {
      const error = refusedChange(refused(firewall, code), asker('masquerade', 'fib').ask)
      expect(error).toMatchObject({
        code: 'KERNEL_FEATURE_MISSING',
        exit: 6,
        what: 'cannot change the firewall',
      })
      expect(error.why).toBe('this kernel lacks masquerade (CONFIG_MASQUERADE), fib (CONFIG_FIB)')
      expect(error.evidence).toContain(`request: ${code}`)
      expect(error.evidence.join('\n')).toContain('fib refused')
      expect(error.fix.join('\n')).toContain('CONFIG_MASQUERADE, CONFIG_FIB')
    }
  })

  test('asks for what that change needs only', () => {
    const { ask, asked } = asker('masquerade')
    expect(refusedChange(refused(veth, 'EOPNOTSUPP'), ask)).toMatchObject({ code: 'APPLY_FAILED', exit: 1 })
    expect(new Set(asked)).toEqual(new Set(['veth']))
    const error = refusedChange(refused(veth, 'EOPNOTSUPP'), asker('veth').ask)
    expect(error.why).toBe('this kernel lacks veth (CONFIG_VETH)')
  })

  test('a kernel without tbf cannot limit a rate', () => {
    const limit: Change = {
      type: 'qdisc.replace',
      ...{ where: undefined, name: 'veth1', index: 7, handle: 1, rate: 1e6, burst: 5000, limit: 9000 },
    }
    const cases = { ENOENT: 'tbf', EOPNOTSUPP: 'qdisc' } as const
    for (const [code, missing] of Object.entries(cases)) {
      const error = refusedChange(refused(limit, code as keyof typeof cases), asker(missing).ask)
      expect(error).toMatchObject({
        code: 'KERNEL_FEATURE_MISSING',
        exit: 6,
        what: 'cannot limit the rate of veth1',
        why: `this kernel lacks ${missing} (CONFIG_${missing.toUpperCase()})`,
      })
    }
  })

  test('a kernel that has all leaves its own words: a set may be gone', () => {
    const error = refusedChange(refused(firewall, 'ENOENT'), asker().ask)
    expect(error).toMatchObject({ code: 'APPLY_FAILED', exit: 1, why: 'request: ENOENT' })
  })

  test('a kernel that cannot be asked is not blamed', () => {
    const error = refusedChange(refused(firewall, 'EOPNOTSUPP'), () => ({ answer: 'unknown', why: 'EPERM' }))
    expect(error).toMatchObject({ code: 'APPLY_FAILED', why: 'request: EOPNOTSUPP' })
  })

  test('other refusals, and other changes, raise no question', () => {
    const { ask, asked } = asker('veth', 'masquerade')
    for (const code of ['EPERM', 'EEXIST', 'EIO'] as const) refusedChange(refused(veth, code), ask)
    refusedChange(refused({ type: 'file.delete', path: '/run/none' }, 'ENOENT'), ask)
    expect(refusedChange(refused(veth, 'EOPNOTSUPP')).code).toBe('APPLY_FAILED')
    expect(asked).toEqual([])
  })
})
