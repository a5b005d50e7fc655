import { expect, test } from 'bun:test'
import { ChangeError } from '../../../src/linux/change.ts'
import type { ProgramName } from '../../../src/linux/program.ts'
import type { End, NewStage } from './stage.ts'

const address = (end: End, text: string) =>
  ({ type: 'address.add', ...end, address: text, prefixLength: 24 }) as const

export function changeTests(newStage: NewStage): void {
  test('nothing asked, nothing done', () => {
    const stage = newStage()
    expect(stage.kernel.change([])).toEqual([])
    expect(stage.kernel.writes).toBe(0)
  })

  test('they are carried out in order, and counted', () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    const before = stage.kernel.writes
    const outcomes = stage.change(
      address(left, '10.1.1.1'),
      { type: 'link.set', ...left, up: true },
      { type: 'route.add', ...left, destination: '0.0.0.0/0', gateway: '10.1.1.2' },
      { type: 'sysctl.set', where: left.where, key: 'net.ipv4.ip_forward', value: '1' },
      address(right, '10.1.1.2'),
    )
    expect(outcomes).toEqual(['done', 'done', 'done', 'done', 'done'])
    expect(stage.kernel.writes - before).toBe(5)
    expect(stage.open().writes).toBe(0)
  })

  test('after a refusal the rest of the same send is tried, and nothing behind it', () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    const before = stage.kernel.writes
    const changes = [
      address(left, '10.1.1.1'),
      address({ ...left, index: 99 }, '10.1.1.1'),
      { type: 'link.set', ...left, up: true },
      { type: 'route.add', ...left, destination: '0.0.0.0/0', gateway: '10.9.9.9' },
      address(right, '10.1.1.2'),
      { type: 'sysctl.set', where: left.where, key: 'net.ipv4.ip_forward', value: '1' },
    ] as const
    const outcomes = stage.kernel.change(changes)
    expect(outcomes.map(outcome => (outcome instanceof ChangeError ? outcome.code : outcome))).toEqual([
      'done',
      'ENODEV',
      'done',
      'ENETUNREACH',
      'not-tried',
      'not-tried',
    ])
    expect((outcomes[1] as ChangeError).change).toEqual(changes[1])
    expect(stage.kernel.writes - before).toBe(2)
    expect(stage.link(left.where, 'left')?.up).toBe(true)
    expect(stage.kernel.addresses(right.where)).toEqual([])
  })

  test('a program that is not installed is a refusal, and a question that fails', () => {
    const { kernel } = newStage()
    const program = 'natspace-has-no-such-program' as ProgramName
    const before = kernel.writes
    const [outcome, next] = kernel.change([
      { type: 'program.run', where: undefined, program, arguments: [] },
      { type: 'program.run', where: undefined, program, arguments: [] },
    ])
    expect(outcome).toBeInstanceOf(ChangeError)
    expect((outcome as ChangeError).code).toBe('ENOENT')
    expect(next).toBe('not-tried')
    expect(kernel.writes - before).toBe(0)
    expect(() => kernel.programOutput(program, ['--version'])).toThrow('not installed')
  })

  test('a refusal alone stops all behind it', () => {
    const stage = newStage()
    const { left, right } = stage.cable()
    const outcomes = stage.change(
      { type: 'sysctl.set', where: left.where, key: 'net.ipv4.nothing', value: '1' },
      address(left, '10.1.1.1'),
      address(right, '10.1.1.2'),
    )
    expect(outcomes).toEqual(['ENOENT', 'not-tried', 'not-tried'])
    expect(stage.kernel.addresses(left.where)).toEqual([])
  })
}
