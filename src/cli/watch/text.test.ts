import { describe, expect, test } from 'bun:test'
import { NatspaceError } from '../../space/errors.ts'
import type { Drift } from '../../space/reconcile/operation.ts'
import type { WatchReport } from '../../space/watch/report.ts'
import { toJson } from '../output.ts'
import { styleOf } from '../style.ts'
import { reportObject } from './json.ts'
import { reportLines } from './text.ts'

const time = new Date(2026, 0, 2, 3, 4, 5, 6).getTime()
const style = styleOf(false)
const textOf = (report: WatchReport, verbose = false) =>
  reportLines(report, { style, verbose, withTime: false })

const drift = (resource: string, found: string): Drift => ({
  resource,
  step: 'guard',
  space: undefined,
  expected: 'there',
  found,
})
const table = drift('table inet natspace', 'no such table')
const nft = { kind: 'process', pid: 4242, name: 'nft', command: 'nft flush ruleset' } as const
const repaired: WatchReport = {
  type: 'event',
  time,
  event: 'repaired',
  spaces: ['web'],
  drift: [table],
  by: [nft],
  changes: 2,
  milliseconds: 12,
}
const fight: WatchReport = {
  type: 'event',
  time,
  event: 'fight',
  spaces: ['web', 'db'],
  over: 'table inet natspace',
  repairs: 5,
  drift: [table],
  by: [nft],
  pause: 300_000,
}

describe('lines', () => {
  test('of a repair tell what differed, how long it took, and who did it', () => {
    expect(textOf(repaired)).toEqual([
      'web: repaired in 12 ms, 2 changes: table inet natspace (no such table); by nft (process 4242: nft flush ruleset)',
    ])
    expect(reportLines(repaired, { style, verbose: false, withTime: true })[0]).toStartWith(
      '03:04:05.006  web: ',
    )
    expect(textOf(repaired, true).at(-1)).toBe('  table inet natspace: expected there, found no such table')
  })

  test('of a program that is gone say what is known, and no more', () => {
    expect(textOf({ ...repaired, by: [{ kind: 'port', port: 7 }] })[0]).toEndWith(
      'by a program that has closed its netlink socket (port 7) since',
    )
    expect(textOf({ ...repaired, by: [] })[0]).toEndWith('(no such table)')
  })

  test('of much are short', () => {
    const many = Array.from({ length: 9 }, (_, index) => drift(`thing ${index}`, 'missing'))
    const spaces = many.map((_, index) => `s${index}`)
    const [line] = textOf({ ...repaired, drift: many, spaces })
    expect(line).toContain('s0, s1, s2 and 6 more: repaired')
    expect(line).toContain('thing 0 (missing), thing 1 (missing), thing 2 (missing) and 6 more; by nft')
    expect(textOf({ ...repaired, drift: many, spaces }, true)).toHaveLength(10)
  })

  test('of a fight name the program, the code and the way out', () => {
    const lines = textOf(fight)
    expect(lines[0]).toContain(
      'web, db: left alone for 5 min: table inet natspace was repaired 5 times in a row',
    )
    expect(lines[0]).toContain('by nft (process 4242')
    expect(lines.join('\n')).toContain("find out why 'nft' does so")
    expect(lines.join('\n')).toContain('natspace explain WATCH_FIGHT')
  })

  test('hold nothing that moves the cursor, whatever a process calls itself', () => {
    const by = [{ kind: 'process', pid: 1, name: '\x1b[2Jevil', command: 'a\r\u202eb\n' }] as const
    for (const report of [
      { ...repaired, by: [...by], drift: [drift('link \x1b[1m', '\r\n')] },
      { ...fight, by: [...by], over: '\x1b[31m' },
    ] satisfies WatchReport[])
      for (const line of textOf(report, true)) expect(line).not.toMatch(/[\p{C}\u2028\u2029]/u)
  })

  test.each<[WatchReport, string]>([
    [
      { type: 'snapshot', time, spaces: [], uplink: undefined },
      'watching no space yet: all is as asked for; the way out is none',
    ],
    [
      {
        type: 'snapshot',
        time,
        spaces: [{ name: 'web', drift: [table] }],
        uplink: { name: 'eth0', mtu: 1500, addresses: ['192.0.2.1/24'] },
      },
      'watching web: 1 not as asked for; the way out is eth0 (192.0.2.1/24, MTU 1500)',
    ],
    [
      { type: 'lost', time, channel: 'nf_tables' },
      'lost: events of nf_tables came faster than they were read; everything is read anew',
    ],
    [{ type: 'end', time, repairs: 1, lost: 0 }, 'end: 1 repair'],
    [{ type: 'end', time, repairs: 2, lost: 3 }, 'end: 2 repairs, 3 times events were lost'],
    [{ type: 'event', time, event: 'recovered', spaces: ['web'] }, 'web: right again'],
    [{ type: 'event', time, event: 'space', space: 'web', change: 'down' }, 'web: is down, and stays so'],
    [
      { type: 'event', time, event: 'waits', spaces: ['web'], drift: [table], by: [], pause: 30_000 },
      'web: waits 30 s, as it was repaired too often within a minute: table inet natspace (no such table)',
    ],
  ])('%#', (report, expected) => {
    expect(textOf(report)).toEqual([expected])
  })

  test('of a failure are those of its error', () => {
    const error = new NatspaceError({
      code: 'PORT_TAKEN',
      exit: 1,
      what: 'cannot publish 80',
      why: 'a program listens on it',
      evidence: ['process 7'],
      fix: ['end it'],
    })
    const report: WatchReport = {
      type: 'event',
      time,
      event: 'failed',
      spaces: ['web'],
      drift: [table],
      by: [],
      error,
      again: 2000,
    }
    expect(textOf(report)).toEqual([
      'web: cannot be repaired: cannot publish 80: a program listens on it; tried again in 2 s',
      '  saw: process 7',
      '  fix: end it',
    ])
    expect(reportObject(report)).toMatchObject({
      error: { code: 'PORT_TAKEN', fix: ['end it'] },
      again: 2000,
    })
  })
})

test('the objects of --json have a type and a time in seconds, and a finding where there is one', () => {
  expect(JSON.parse(toJson(reportObject(repaired)))).toEqual({
    type: 'event',
    time: time / 1000,
    event: 'repaired',
    spaces: ['web'],
    drift: [{ resource: 'table inet natspace', step: 'guard', expected: 'there', found: 'no such table' }],
    by: [nft],
    changes: 2,
    milliseconds: 12,
  })
  expect(reportObject(fight)).toMatchObject({
    finding: {
      code: 'WATCH_FIGHT',
      evidence: [expect.any(String), expect.stringContaining('undone by nft')],
    },
  })
  expect(
    reportObject({ type: 'snapshot', time, spaces: [{ name: 'a', drift: [] }], uplink: undefined }),
  ).toEqual({
    type: 'snapshot',
    time: time / 1000,
    spaces: [{ name: 'a', healthy: true, drift: [] }],
    uplink: null,
  })
})
