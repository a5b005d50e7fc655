import { describe, expect, test } from 'bun:test'
import { bunCandidates } from './bun-path.mjs'
import { failedTests, skipReasons, table, tally } from './tally.mjs'

describe('tally', () => {
  test('reads the summary of bun test, coloured or not', () => {
    const output = '\u001b[32m 12 pass\u001b[0m\n 2 skip\n 1 todo\n 3 fail\n 40 expect() calls\nRan 18 tests'
    expect(tally({ code: 1, output })).toEqual({ passed: 12, failed: 3, skipped: 3 })
  })

  test('reads the summary of node:test in both of its forms', () => {
    expect(tally({ code: 0, output: '# tests 3\n# pass 3\n# fail 0\n' })).toEqual({
      passed: 3,
      failed: 0,
      skipped: 0,
    })
    expect(tally({ code: 1, output: 'ℹ pass 1\nℹ fail 1\nℹ cancelled 1\nℹ skipped 1\n' })).toEqual({
      passed: 1,
      failed: 2,
      skipped: 1,
    })
  })

  test('a run without tests, or one that broke off, is a failure', () => {
    expect(tally({ code: 0, output: 'nothing here' }).failed).toBe(1)
    expect(tally({ code: 139, output: ' 5 pass\n 0 fail\n' })).toEqual({ passed: 5, failed: 1, skipped: 0 })
  })
})

test('skipReasons names each reason once', () => {
  expect(skipReasons(`skipped: needs nft\nskipped: needs nft\nskipped: needs nc\n`)).toEqual([
    'needs nft',
    'needs nc',
  ])
  expect(skipReasons('(skip) our text (skipped: needs nft)')).toEqual(['needs nft'])
})

test('table lines its columns up', () => {
  const rows = table([{ name: 'unit', passed: 7, failed: 0, skipped: 1, seconds: 1.26 }]).split('\n')
  expect(rows[1]).toBe('unit        7       0        1      1.3')
  expect(new Set(rows.map(row => row.length)).size).toBe(1)
})

test('bunCandidates prefers the program that cannot die on this processor', () => {
  expect(bunCandidates('x64', false)[1]).toContain('x64-baseline')
  expect(bunCandidates('x64', true)[1]).not.toContain('baseline')
  expect(bunCandidates('arm64', false)[1]).toContain('aarch64')
  expect(bunCandidates('riscv64', false)).toEqual(['bun/bin/bun.exe'])
})

test('failedTests names each test once, without its time', () => {
  expect(
    failedTests(
      '(fail) one > two [1.14ms]\n(pass) three\n\u001b[31m(fail) one > two [1.14ms]\n✖ four (2.5ms)\n',
    ),
  ).toEqual(['one > two', 'four'])
})
