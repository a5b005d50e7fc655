/** Root inside who waits for the moment in which the cable works and the guard does not stand yet, or no more. */
import { afterAll, beforeAll, describe, expect } from 'bun:test'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Socket } from '../../src/linux/sys/socket.ts'
import { withoutRules } from '../support/attack/rules.ts'
import { addresses, families, machine, type Space, Stage } from '../support/attack/stage.ts'
import { requireSandbox, run } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()
const test = requireTool('ip', 'nft', 'nsenter', 'sysctl')
const host = machine('host')
const options = '-p 8080:80'

let stage: Stage
let space: Space
let program: ChildProcess

beforeAll(() => {
  stage = new Stage()
  // Somebody else's, so that whoever is inside is there before the cable.
  run('ip', ['netns', 'add', 'evil'])
  space = stage.up('evil', options)
})
afterAll(() => {
  stage[Symbol.dispose]()
  run('ip', ['netns', 'delete', 'evil'])
})

const arrived = (service: Socket): number => {
  let count = 0
  while (service.receive(0) !== undefined) count++
  return count
}

const flood = join(import.meta.dirname, '../support/attack/flood.ts')

describe.each(families)('IPv%d', family => {
  test('C9: there is none as a space comes and goes', async () => {
    const { address, gateway, hostMac } = space
    const target = family === 4 ? addresses[4].loopback : gateway[6]
    const service = stage.udp(host, family === 4 ? target : '::', 7100 + family)
    const words = ['evil', hostMac, address[family], target, String(7100 + family)]
    program = spawn(process.execPath, [flood, ...words], { stdio: 'ignore' })
    try {
      await Bun.sleep(300)
      for (let round = 0; round < 5; round++) {
        stage.natspace('down evil')
        await Bun.sleep(30)
        stage.up('evil', options)
        await Bun.sleep(30)
      }
      expect(arrived(service)).toBe(0)
      await withoutRules({ guard: /127\.0\.0\.0/, to_host: /refuse/ }, () => Bun.sleepSync(50))
      expect(arrived(service)).toBeGreaterThan(0)
    } finally {
      program.kill()
    }
  })

  test('the host end comes up behind the guard, and goes down before it', () => {
    const order = (plan: string, ...patterns: RegExp[]) => patterns.map(pattern => plan.search(pattern))
    const down = order(stage.natspace('plan --down evil --as shell'), /link set dev veth-evil down/, /nft /)
    stage.natspace('down evil')
    const up = order(
      stage.natspace(`plan evil ${options} --as shell`),
      /add element inet natspace spaces/,
      /link set dev veth-evil up/,
    )
    stage.up('evil', options)
    for (const places of [down, up]) {
      expect(places).not.toContain(-1)
      expect(places).toEqual(places.toSorted((one, other) => one - other))
    }
  })
})
