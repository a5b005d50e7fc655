import { afterEach, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SettingsTree } from '../../space/boot/tree.ts'
import { conflistText, type NetworkRequest } from './conflist.ts'
import { install, planInstall, planUninstall, realFolder, uninstall } from './install.ts'

const homes: string[] = []
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true })
})

const places = { binDir: '/opt/cni/bin', confDir: '/etc/cni/net.d', file: '10-natspace.conflist' }
const request: NetworkRequest = { name: 'natspace', subnets: ['10.88.0.0/16'], noMasquerade: [], accept: [] }
const program = '/opt/cni/bin/natspace'
const list = '/etc/cni/net.d/10-natspace.conflist'
/** What every executable of natspace has in it. */
const mark = 'natspace-plugin:may-be-replaced-by-natspace-cni-install'

/** A root of its own, and an executable beside it. */
const newHost = () => {
  const home = mkdtempSync(join(tmpdir(), 'natspace-'))
  homes.push(home)
  const root = join(home, 'root')
  mkdirSync(root, { mode: 0o755 })
  const source = join(home, 'natspace')
  writeFileSync(source, `${'x'.repeat(3_000_000)}${mark} 2`)
  const at = (path: string) => join(root, path)
  const put = (path: string, text: string) => {
    mkdirSync(join(at(path), '..'), { recursive: true, mode: 0o755 })
    writeFileSync(at(path), text, { mode: 0o644 })
  }
  const plan = (asked = request, where = places) => planInstall(new SettingsTree(root), where, asked, source)
  const run = (asked = request, where = places) => {
    const found = plan(asked, where)
    install(new SettingsTree(root), found, asked, source)
    return found
  }
  const planAway = (name = 'natspace') => planUninstall(new SettingsTree(root), places, name, source)
  const away = () => {
    const found = planAway()
    uninstall(new SettingsTree(root), found)
    return found
  }
  const files = () =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory())
      .map(entry => join(entry.parentPath, entry.name).slice(root.length))
      .sort()
  return { root, source, at, put, plan, run, planAway, away, files }
}

const words = (steps: readonly { action: string; path: string }[]) =>
  steps.map(({ action, path }) => `${action} ${path}`)

describe('install', () => {
  test('puts both files there, and then has nothing to do', () => {
    const { at, source, run, files } = newHost()
    const { steps, obstacles } = run()
    expect(obstacles).toEqual([])
    expect(words(steps)).toEqual([
      'make /opt',
      'make /opt/cni',
      'make /opt/cni/bin',
      'make /etc',
      'make /etc/cni',
      'make /etc/cni/net.d',
      `copy ${program}`,
      `write ${list}`,
    ])
    expect(files()).toEqual([list, program])
    expect(readFileSync(at(program)).equals(readFileSync(source))).toBe(true)
    expect(statSync(at(program)).mode & 0o7777).toBe(0o755)
    expect(readFileSync(at(list), 'utf8')).toBe(conflistText(request))
    const { ino } = statSync(at(program))
    expect(run()).toEqual({ steps: [], obstacles: [] })
    expect(statSync(at(program)).ino).toBe(ino)
  })

  test('a plan changes nothing', () => {
    const { plan, files, root } = newHost()
    expect(plan().steps.length).toBeGreaterThan(0)
    expect([files(), readdirSync(root)]).toEqual([[], []])
  })

  test('takes the place of an older natspace and of a list that it wrote itself', () => {
    const { at, put, run } = newHost()
    // The mark lies across the edge of two pieces that are read.
    put(program, `${'y'.repeat(1_048_560)}${mark} 1`)
    put(list, conflistText({ ...request, subnets: ['10.99.0.0/16', 'fd00::/64'], host: 'all', mtu: 1400 }))
    const { steps, obstacles } = run()
    expect(obstacles).toEqual([])
    expect(steps).toEqual([
      { action: 'copy', path: program, replaces: true },
      { action: 'write', path: list, replaces: true },
    ])
    expect(readFileSync(at(list), 'utf8')).toBe(conflistText(request))
  })

  test('another program, and a list that somebody changed, are in the way', () => {
    const { put, plan } = newHost()
    put(program, '#!/bin/sh\n')
    put(list, conflistText(request).replace('10.88', '10.89').replace('  ', ' '))
    expect(plan().obstacles).toEqual([
      { kind: 'taken', path: program },
      { kind: 'taken', path: list },
    ])
  })

  test('a folder or a link in the place of a file is in the way', () => {
    const { at, plan } = newHost()
    mkdirSync(at(program), { recursive: true, mode: 0o755 })
    mkdirSync(at(places.confDir), { recursive: true, mode: 0o755 })
    symlinkSync('elsewhere', at(list))
    expect(plan().obstacles.map(({ kind }) => kind)).toEqual(['taken', 'taken'])
  })

  test('what runtimes read before it is in the way, and nothing else', () => {
    const { put, plan } = newHost()
    const other = (name: string) =>
      JSON.stringify({ cniVersion: '1.0.0', name, plugins: [{ type: 'bridge' }] })
    put(`${places.confDir}/05-first.conflist`, other('first'))
    put(`${places.confDir}/06-single.conf`, JSON.stringify({ name: 'single', type: 'ptp' }))
    put(`${places.confDir}/07-broken.conflist`, '{')
    put(`${places.confDir}/08-none.json`, '{"name":"none"}')
    put(`${places.confDir}/09-first.conflist.off`, other('off'))
    put(`${places.confDir}/87-podman.conflist`, other('podman'))
    expect(plan().obstacles).toEqual([
      { kind: 'not-first', path: `${places.confDir}/05-first.conflist` },
      { kind: 'not-first', path: `${places.confDir}/06-single.conf` },
    ])
    expect(plan(request, { ...places, file: '00-natspace.conflist' }).obstacles).toEqual([])
  })

  test('a second network of the same name is in the way, wherever it stands', () => {
    const { put, plan } = newHost()
    put(`${places.confDir}/90-old.conflist`, conflistText(request))
    expect(plan().obstacles).toEqual([{ kind: 'same-name', path: `${places.confDir}/90-old.conflist` }])
  })

  test('puts the program alone where another plugin calls it', () => {
    const { root, source, files } = newHost()
    const tree = new SettingsTree(root)
    const found = planInstall(tree, places, undefined, source)
    expect(found.obstacles).toEqual([])
    install(tree, found, undefined, source)
    expect(files()).toEqual([program])
  })

  test('nothing is written where others than root may write', () => {
    const { at, plan } = newHost()
    mkdirSync(at(places.binDir), { recursive: true, mode: 0o755 })
    chmodSync(at(places.binDir), 0o777)
    expect(() => plan()).toThrow(/others may write/)
  })

  test('what fails leaves nothing behind, and a copy of one that was killed goes', () => {
    const { root, at, put, plan, source, run, files } = newHost()
    const found = plan()
    put(`${list}/in-the-way`, '')
    expect(() => install(new SettingsTree(root), found, request, source)).toThrow()
    expect(files()).toEqual([`${list}/in-the-way`])
    rmSync(at(list), { recursive: true })
    mkdirSync(at(places.binDir), { recursive: true, mode: 0o755 })
    put(`${program}.${process.pid}.tmp`, 'half')
    put(`${program}.4194305.tmp`, 'half')
    run()
    expect(files()).toEqual([list, program])
  })
})

describe('uninstall', () => {
  test('takes away what install put there, and then has nothing to do', () => {
    const { run, away, files } = newHost()
    run()
    expect(words(away().steps)).toEqual([`remove ${list}`, `remove ${program}`])
    expect(files()).toEqual([])
    expect(away()).toEqual({ steps: [], obstacles: [] })
  })

  test('leaves what is not to the byte ours, and says so', () => {
    const { put, run, away, at, files } = newHost()
    run()
    put(list, `${readFileSync(at(list), 'utf8')}\n`)
    put(program, `${mark} of another version`)
    expect(away()).toEqual({
      steps: [],
      obstacles: [
        { kind: 'changed', path: list },
        { kind: 'changed', path: program },
      ],
    })
    expect(files()).toEqual([list, program])
  })

  test('leaves the program that another list needs', () => {
    const { run, away, files } = newHost()
    run()
    run({ ...request, name: 'second' }, { ...places, file: '20-second.conflist' })
    const { steps, obstacles } = away()
    expect(words(steps)).toEqual([`remove ${list}`])
    expect(obstacles).toEqual([{ kind: 'in-use', path: program }])
    expect(files()).toEqual([`${places.confDir}/20-second.conflist`, program])
  })
})

test('a folder is known by its real path, as far as it is there', () => {
  const { at, root } = newHost()
  mkdirSync(at('/real/deep'), { recursive: true })
  symlinkSync('real', at('/link'))
  expect(realFolder(at('/link/deep/new/er'))).toBe(join(realFolder(root), 'real/deep/new/er'))
  expect(existsSync(at('/real/deep/new'))).toBe(false)
})
