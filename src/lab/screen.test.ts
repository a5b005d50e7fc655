import { expect, test } from 'bun:test'
import { allHold, prove } from './proof.ts'
import { claimLines, paint, picture, proofLines, tableLines } from './screen.ts'

test('the picture has every name and address of the experiment, in at most 100 columns', () => {
  const text = picture().join('\n')
  for (const word of [
    'myspace',
    'host1',
    'host2',
    'veth2 192.168.45.3/24',
    'veth1 192.168.45.2/24',
    'default via 192.168.45.2',
    'eth0 192.168.1.32/24',
    'eth0 192.168.1.15/24',
    'LAN',
  ])
    expect(text).toContain(word)
  expect(Math.max(...picture().map(line => line.length))).toBeLessThanOrEqual(100)
})

test('a proof shows what was expected and what was seen', () => {
  const proof = { name: 'ping', ok: false, expected: 'an answer', seen: 'none\nat all' }
  expect(proofLines(proof, paint(false))).toEqual([
    '✗ ping',
    '    expected  an answer',
    '    seen      none',
    '              at all',
  ])
})

test('a proof that saw word for word what was expected shows it once', () => {
  const proof = { name: 'links', ok: true, expected: 'the same 2', seen: 'the same 2' }
  expect(proofLines(proof, paint(false))).toEqual(['✓ links: the same 2'])
  expect(proofLines({ ...proof, expected: 'a\nb', seen: 'a\nb' }, paint(false))).toEqual([
    '✓ links',
    '    seen      a',
    '              b',
  ])
})

test('a table has a mark for each proof, and below it what was expected of those that do not hold', () => {
  const proof = (ok: boolean) => ({ name: 'row', ok, expected: 'b', seen: ok ? 'b' : 'c' })
  const plain = paint(false)
  const rows = [
    { cells: ['veth1', plain.changed('b')], proof: proof(true) },
    { cells: ['eth0', 'c'], proof: proof(false) },
  ]
  expect(tableLines(['where', 'seen'], rows, plain)).toEqual([
    '   where  seen',
    '✓  veth1  b*',
    '✗  eth0   c',
    '  (* changed since the point before)',
    '✗ row',
    '    expected  b',
    '    seen      c',
  ])
  expect(tableLines(['where', 'seen'], rows.slice(1), plain)).not.toContain(
    '  (* changed since the point before)',
  )
})

test('a claim is a sentence in lines, with the evidence below', () => {
  const expected = `The source is ${'still '.repeat(20)}inside.`
  const lines = claimLines({ name: 'claim', ok: true, expected, seen: 'one\ntwo' }, paint(false))
  expect(lines[0]).toStartWith('✓ The source is still ')
  expect(lines.slice(-2)).toEqual(['    one', '    two'])
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(110)
  const numbered = claimLines({ name: 'claim', ok: false, expected: 'so', seen: 'not so' }, paint(false), 4)
  expect(numbered).toEqual(['✗ 4. so', '    not so'])
})

test('colours are escapes, and only when they are asked for', () => {
  expect(paint(true).good('✓')).toBe('\x1b[32m✓\x1b[0m')
  expect(paint(false).good('✓')).toBe('✓')
})

test('what could not be observed is not proven', () => {
  const proof = prove('ping', 'an answer', () => {
    throw new Error('socket: EPERM')
  })
  expect(proof).toEqual({ name: 'ping', ok: false, expected: 'an answer', seen: 'socket: EPERM' })
  expect(allHold([proof])).toBe(false)
})

test('no proofs at all prove nothing', () => {
  expect(allHold([])).toBe(false)
  expect(allHold([{ name: 'a', ok: true, expected: '', seen: '' }])).toBe(true)
})
