import { describe, expect, test } from 'bun:test'
import { NetlinkError } from './netlink/errors.ts'
import type { Finding } from './probe/answer.ts'
import { type FeatureRow, features } from './probe/features.ts'
import { batchFinding } from './probe/firewall.ts'
import { kindFinding } from './probe/link.ts'
import { userNamespaceFinding } from './probe/system.ts'
import { type Answer, type Feature, missingFeatures, Prober } from './probe.ts'

const refusal = (code: number, kernelMessage?: string, request = 0) =>
  new NetlinkError({ operation: 'RTM_NEWLINK', request, errno: code, kernelMessage })
const [EPERM, ENOENT, EINVAL, EOPNOTSUPP] = [1, 2, 22, 95]

/** A prober whose kernel gives these answers in turn, and how often it was asked. */
const probing = (findings: Record<string, (Finding | Error)[]>, needs: Record<string, string[]> = {}) => {
  const asked: string[] = []
  const rows: Record<string, FeatureRow> = {}
  for (const [name, answers] of Object.entries(findings))
    rows[name] = {
      purpose: name,
      option: `CONFIG_${name.toUpperCase()}`,
      needs: needs[name] ?? [],
      ask: () => {
        asked.push(name)
        const finding = answers.shift()
        if (finding === undefined) throw new Error(`${name} was asked once too often`)
        if (finding instanceof Error) throw finding
        return finding
      },
    }
  return { asked, prober: new Prober(rows) }
}

describe('answers', () => {
  test('yes and no are kept', () => {
    const { prober, asked } = probing({ a: ['yes'], b: [{ refused: 'no such thing' }] })
    for (let i = 0; i < 3; i++) {
      expect(prober.probe('a')).toEqual({ answer: 'yes' })
      expect(prober.probe('b')).toEqual({ answer: 'no', option: 'CONFIG_B', evidence: 'no such thing' })
      expect(Object.keys(prober.probeAll())).toEqual(['a', 'b'])
    }
    expect(asked).toEqual(['a', 'b'])
  })

  test('unknown is asked again', () => {
    const { prober, asked } = probing({ a: [new Error('unshare: EPERM'), { unclear: 'ENOMEM' }, 'yes'] })
    expect(prober.probe('a')).toEqual({ answer: 'unknown', why: 'unshare: EPERM' })
    expect(prober.probe('a')).toEqual({ answer: 'unknown', why: 'ENOMEM' })
    expect(prober.probe('a')).toEqual({ answer: 'yes' })
    expect(asked).toHaveLength(3)
  })

  test('an option that the question found goes before that of the feature', () => {
    const { prober } = probing({ a: [{ refused: 'off', option: 'a=1' }] })
    expect(prober.probe('a')).toEqual({ answer: 'no', option: 'a=1', evidence: 'off' })
  })

  test('without what a question uses it is not asked', () => {
    const { prober, asked } = probing(
      { nf: [{ refused: 'none' }], nat: [], masq: [] },
      { nat: ['nf'], masq: ['nat'] },
    )
    expect(prober.probe('masq')).toEqual({
      answer: 'no',
      option: 'CONFIG_NF',
      evidence: 'needs nat: needs nf: none',
    })
    expect(asked).toEqual(['nf'])
  })

  test('what cannot be asked makes nothing else a no', () => {
    const { prober } = probing({ nf: [new Error('EPERM'), 'yes'], nat: ['yes'] }, { nat: ['nf'] })
    expect(prober.probe('nat')).toEqual({ answer: 'unknown', why: 'EPERM' })
    expect(prober.probe('nat')).toEqual({ answer: 'yes' })
  })
})

describe('refusals', () => {
  test('of a link: only an unknown kind is missing', () => {
    expect(kindFinding(undefined)).toBe('yes')
    expect(kindFinding(refusal(EINVAL, 'VLAN properties not specified'))).toBe('yes')
    for (const words of [undefined, 'Unknown device type', 'Unknown device type.'])
      expect(kindFinding(refusal(EOPNOTSUPP, words))).toHaveProperty('refused')
    expect(kindFinding(refusal(EOPNOTSUPP, 'VLANs not supported on device'))).toHaveProperty('unclear')
    expect(kindFinding(refusal(EPERM))).toHaveProperty('unclear')
  })

  test('of a batch: only of its last message', () => {
    expect(batchFinding([], 3, ['ENOENT'])).toBe('yes')
    expect(batchFinding([refusal(ENOENT, undefined, 3)], 3, ['ENOENT'])).toHaveProperty('refused')
    expect(batchFinding([refusal(ENOENT, undefined, 2)], 3, ['ENOENT'])).toHaveProperty('unclear')
    expect(batchFinding([refusal(EPERM, undefined, 3)], 3, ['ENOENT'])).toHaveProperty('unclear')
  })

  test('of user namespaces: the setting that is to blame', () => {
    const finding = (values: Record<string, string>, privileged = false) =>
      userNamespaceFinding(name => values[name], privileged)
    expect(finding({})).toBe('yes')
    expect(finding({ 'user.max_user_namespaces': '100', 'kernel.unprivileged_userns_clone': '1' })).toBe(
      'yes',
    )
    expect(finding({ 'user.max_user_namespaces': '0' }, true)).toEqual({
      refused: 'user.max_user_namespaces = 0',
      option: 'user.max_user_namespaces=15000',
    })
    const restricted = { 'kernel.apparmor_restrict_unprivileged_userns': '1' }
    expect(finding(restricted)).toHaveProperty('option', 'kernel.apparmor_restrict_unprivileged_userns=0')
    expect(finding(restricted, true)).toBe('yes')
  })
})

describe('the table', () => {
  const rows: [string, FeatureRow][] = Object.entries(features())

  test('every need is a feature that stands before it, so that no needs go round', () => {
    const names = rows.map(([name]) => name)
    const wrong = rows.flatMap(([name, { needs = [] }], at) =>
      needs.filter(need => !names.slice(0, at).includes(need)).map(need => `${name} needs ${need}`),
    )
    expect(wrong).toEqual([])
  })

  test('every option is one of the kernel’s configuration', () => {
    expect(
      rows.filter(([, { option }]) => !/^CONFIG_[A-Z0-9_]+( \(of Linux \d+\.\d+\))?$/.test(option)),
    ).toEqual([])
  })
})

describe('missingFeatures', () => {
  const answers =
    (not: Partial<Record<Feature, Answer>>) =>
    (feature: Feature): Answer =>
      not[feature] ?? { answer: 'yes' }
  const no: Answer = { answer: 'no', option: 'CONFIG_X', evidence: 'ENOENT' }
  const namesOf = (not: Partial<Record<Feature, Answer>>, ...wanted: Feature[]) =>
    missingFeatures(wanted, answers(not)).map(({ feature }) => feature)

  test('names all that are missing, each once', () => {
    expect(namesOf({}, 'masquerade', 'ct')).toEqual([])
    expect(namesOf({ masquerade: no, ct: no, fib: no }, 'masquerade', 'ct', 'masquerade')).toEqual([
      'masquerade',
      'ct',
    ])
  })

  test('names the root, and not what follows from it', () => {
    expect(namesOf({ nf_tables: no, inet: no, nat: no, masquerade: no }, 'masquerade', 'ct')).toEqual([
      'nf_tables',
    ])
  })

  test('unknown is not missing', () => {
    expect(namesOf({ veth: { answer: 'unknown', why: 'EPERM' } }, 'veth')).toEqual([])
  })
})
