import { expect, test } from 'bun:test'
import { requireSystemd, verifyUnits } from '../../../test/support/systemd.ts'
import { fileMark, madeFoldersOf, rulesUnit, spacesUnit, watchUnit } from './units.ts'

const source = { command: ['/usr/local/bin/natspace'], madeFolders: ['/etc/natspace'] }

/** Sections of a unit by name, each with its settings by key, in order; of several values a list. */
const parse = (text: string): Record<string, Record<string, string[]>> => {
  const sections: Record<string, Record<string, string[]>> = {}
  let section: Record<string, string[]> | undefined
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const title = /^\[([A-Za-z-]+)\]$/.exec(line)?.[1]
    if (title !== undefined) {
      section = sections[title] = {}
      continue
    }
    const [, key, value] = /^([A-Za-z]+)=(.+)$/.exec(line) ?? []
    if (section === undefined || key === undefined || value === undefined)
      throw new Error(`no line of a unit: ${line}`)
    section[key] = [...(section[key] ?? []), value]
  }
  return sections
}

test('the spaces come up after the network and the firewalls, and go down with the unit', () => {
  const text = spacesUnit(source)
  expect(text.startsWith(`${fileMark}\n[Unit]\n`)).toBe(true)
  const { Unit, Service, Install, 'X-Natspace': own } = parse(text)
  const after = Unit?.After?.[0]?.split(' ')
  expect(after).toEqual(
    expect.arrayContaining(['network-online.target', 'nftables.service', 'firewalld.service']),
  )
  expect(Unit?.Wants).toEqual(['network-online.target'])
  expect(Unit?.ReloadPropagatedFrom).toEqual(['nftables.service firewalld.service'])
  expect(Service).toMatchObject({
    Type: ['oneshot'],
    RemainAfterExit: ['yes'],
    ExecStart: ['/usr/local/bin/natspace up --quiet -f /etc/natspace/%i.yaml'],
    ExecReload: ['/usr/local/bin/natspace up --quiet -f /etc/natspace/%i.yaml'],
    ExecStop: ['/usr/local/bin/natspace down --quiet -f /etc/natspace/%i.yaml'],
  })
  expect(Install).toEqual({ WantedBy: ['multi-user.target'] })
  expect(own).toEqual({ MadeFolders: ['/etc/natspace'] })
})

test('a firewall that starts again brings the rules back, and takes no space down', () => {
  const { Unit, Service, Install } = parse(rulesUnit(source))
  expect(Unit?.PartOf).toEqual(['nftables.service firewalld.service'])
  expect(Unit?.Requisite).toEqual(['natspace@%i.service'])
  expect(Unit?.After?.[0]?.split(' ')).toEqual(
    expect.arrayContaining(['natspace@%i.service', 'nftables.service', 'firewalld.service']),
  )
  expect(Service?.ExecStart).toEqual(['/usr/local/bin/natspace up --quiet -f /etc/natspace/%i.yaml'])
  expect(Service?.ExecStop).toBeUndefined()
  expect(Install).toEqual({ WantedBy: ['nftables.service firewalld.service'] })
})

test('nothing gives a unit mounts of its own, in which nobody would see the namespaces', () => {
  // Each of these makes systemd unshare the mount namespace: systemd.exec(5).
  const forbidden =
    /^(Protect(System|Home|Kernel\w+|ControlGroups|Proc|Clock|Hostname)|Private(Tmp|Devices|Network|Users|IPC)|(ReadWrite|ReadOnly|Inaccessible|Exec|NoExec)Paths|Bind\w+|TemporaryFileSystem|RootDirectory|RootImage|DynamicUser|MountFlags|MountAPIVFS|ProcSubset|(State|Cache|Logs|Runtime)Directory)$/
  // The runtime compiles while it runs.
  const impossible = /^MemoryDenyWriteExecute$/
  for (const unit of [spacesUnit, rulesUnit, watchUnit]) {
    const { Service = {} } = parse(unit(source))
    expect(Object.keys(Service).filter(key => forbidden.test(key) || impossible.test(key))).toEqual([])
    expect(Service.PrivateMounts).toEqual(['no'])
    expect(Service.NoNewPrivileges).toEqual(['yes'])
  }
})

test('folders that were made are read back', () => {
  expect(madeFoldersOf(spacesUnit({ ...source, madeFolders: ['/etc/natspace', '/etc/a'] }))).toEqual([
    '/etc/natspace',
    '/etc/a',
  ])
  expect(madeFoldersOf(spacesUnit({ ...source, madeFolders: [] }))).toEqual([])
})

test('a path that systemd would read otherwise is quoted', () => {
  const start = (...command: string[]) => parse(spacesUnit({ ...source, command })).Service?.ExecStart?.[0]
  expect(start('/opt/100%/natspace')).toBe('/opt/100%%/natspace up --quiet -f /etc/natspace/%i.yaml')
  expect(start('/opt/a b/"natspace"')).toStartWith('"/opt/a b/\\"natspace\\"" up ')
  expect(start('/usr/bin/bun', '/opt/$HOME/main.ts')).toStartWith('/usr/bin/bun /opt/$$HOME/main.ts up ')
})

requireSystemd()('systemd understands every line', () => {
  // A program that is there, as systemd looks for it.
  const own = { command: ['/bin/sh'], madeFolders: ['/etc/natspace'] }
  const said = verifyUnits({
    'natspace@web.service': spacesUnit(own),
    'natspace-rules@web.service': rulesUnit(own),
    'natspace-watch.service': watchUnit(own),
  })
  expect(said).toBe('')
  const wrong = spacesUnit(own).replace('RemainAfterExit=yes', 'RemainAfterExit=perhaps')
  expect(verifyUnits({ 'natspace@web.service': wrong })).toContain('perhaps')
})
