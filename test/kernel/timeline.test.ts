import { expect } from 'bun:test'
import { join } from 'node:path'
import { onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** NATSPACE_TIMELINE: where the time of a command went. */
const test = requireTool('ip', 'nft')

const executable = join(import.meta.dirname, '../../dist/natspace')

const stagesOf = (text: string): [stage: string, milliseconds: number][] =>
  [...text.matchAll(/^ *(\d+\.\d{3}) {2}(\S.*)$/gm)].map(([, milliseconds, stage]) => [
    stage as string,
    Number(milliseconds),
  ])

/** What a command prints on stderr with its timeline. */
const told = (script: string): string => {
  const { status, stderr } = onNewHost(script)
  expect(status).toBe(0)
  return stderr
}

test('tells of each stage on stderr, and all of them together are the whole', () => {
  const text = told('NATSPACE_TIMELINE=1 natspace up web -p 8080:80 > /dev/null')
  expect(text).toStartWith('timeline in milliseconds, from ')
  const stages = stagesOf(text)
  const names = stages.map(([name]) => name)
  expect(names.slice(0, 3)).toEqual(['runtime', 'timeline', 'ffi'])
  for (const name of ['links read', 'comparing', 'records written', 'links changed', 'ruleset changed'])
    expect(names).toContain(name)
  expect(names.slice(-2)).toEqual(['printing', 'all of these'])
  const [, whole = 0] = stages.at(-1) ?? []
  const sum = stages.slice(0, -1).reduce((total, [, milliseconds]) => total + milliseconds, 0)
  // Each is rounded to a thousandth.
  expect(Math.abs(sum - whole)).toBeLessThan(0.1)
})

test('of exec ends where the program begins', () => {
  const text = told('natspace up web > /dev/null; NATSPACE_TIMELINE=1 natspace exec web -- echo inside >&2')
  expect(stagesOf(text).map(([name]) => name)).toContain('namespace entered')
  expect(text).toEndWith('all of these\ninside\n')
})

test('of a plugin leaves its answer alone', () => {
  const configuration =
    '{"cniVersion":"1.0.0","name":"pods","type":"natspace","ipam":{"subnet":"10.88.0.0/16"}}'
  const { status, stdout, stderr } = onNewHost(`
    ip netns add pod
    echo '${configuration}' | env NATSPACE_TIMELINE=1 CNI_COMMAND=ADD CNI_CONTAINERID=pod CNI_NETNS=/run/netns/pod \\
      CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin ${executable}`)
  expect([status, stderr.match(/ {2}all of these$/m)?.length]).toEqual([0, 1])
  expect(JSON.parse(stdout)).toMatchObject({ cniVersion: '1.0.0' })
})

test('is not there unless it is asked for', () => {
  expect(told('NATSPACE_TIMELINE= natspace up web > /dev/null; natspace exec web true')).toBe('')
})
