/** The package as npm makes it, installed from its file alone into an empty folder, and used there. */
import assert from 'node:assert/strict'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runInSandbox } from '../../dist/lib/testing.js'
import { layPlatformPackage, makeMainPackage } from '../../scripts/lib/release/npm.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
// The sandbox has a /run of its own, in which nothing is seen of what lies below this one.
const scratch = tmpdir().startsWith('/run/') ? '/var/tmp' : tmpdir()
const place = mkdtempSync(join(scratch, 'natspace-package-'))
const empty = join(place, 'empty')
const at = (...names) => join(place, ...names)

/** No network, a cache that holds nothing, and no settings of whoever runs this. */
const env = {
  ...process.env,
  NODE_PATH: '',
  NPM_CONFIG_OFFLINE: 'true',
  NPM_CONFIG_CACHE: at('cache'),
  NPM_CONFIG_USERCONFIG: at('npmrc'),
}

const inEmpty = (...command) => runInSandbox(command, { cwd: empty, env, timeout: 120_000 })

const mustRun = async (...command) => {
  const result = await inEmpty(...command)
  assert.equal(result.exitCode, 0, `${command.join(' ')}\n${result.stdout}${result.stderr}`)
  return result.stdout
}

const module = code => mustRun(process.execPath, '--input-type=module', '-e', code)

/** Nothing to look packages up in: not even what the machine knows. */
const install = (...words) =>
  mustRun('npm', 'install', '--offline', '--no-audit', '--no-fund', '--loglevel=error', ...words)

before(async () => {
  for (const name of ['empty', 'packed', 'platform']) mkdirSync(at(name))
  writeFileSync(at('npmrc'), '')
  process.env.NPM_CONFIG_CACHE = at('cache')
  const file = makeMainPackage({
    folder: at('main'),
    out: at('packed'),
    processors: [process.arch],
    store: at('store'),
  })
  writeFileSync(join(empty, 'package.json'), '{"name":"somebody","type":"module","private":true}\n')
  await install('--ignore-scripts', file)
})

after(() => rmSync(place, { recursive: true, force: true }))

test('what is installed is the library, the documents, and what it needs', () => {
  const folder = join(empty, 'node_modules/natspace')
  assert.deepEqual(readdirSync(folder).sort(), [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'dist',
    'docs',
    'node_modules',
    'package.json',
  ])
  const needed = ['@koromix', 'koffi', 'valibot', 'yaml']
  assert.deepEqual(
    readdirSync(join(folder, 'node_modules'))
      .filter(name => !name.startsWith('.'))
      .sort(),
    needed,
  )
})

test('a space comes up, runs a program and goes', async () => {
  const printed = await module(`
    import { down, up, version } from 'natspace'
    const space = await up({ name: 'packed' })
    const { stdout } = await space.exec('cat', ['/proc/net/route'])
    console.log(version, stdout.includes('eth0'), (await space.status()).healthy)
    const { removed, problems } = await down('packed')
    console.log(JSON.stringify([removed, problems]))
  `)
  const [first, second] = printed.trim().split('\n')
  assert.equal(first, `${version} true true`)
  assert.deepEqual(JSON.parse(second), [['packed'], []])
})

test('each subpath has what it promises, and nothing else is reached', async () => {
  const { exports } = JSON.parse(readFileSync(join(empty, 'node_modules/natspace/package.json'), 'utf8'))
  const names = Object.keys(exports)
    .filter(name => name !== './package.json')
    .map(name => name.replace('.', 'natspace'))
  const printed = await module(`
    for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 1)
    console.log(await import('natspace/dist/lib/index.js').catch(error => error.code))
  `)
  assert.deepEqual(printed.trim().split('\n'), [
    ...names.map(name => `${name} true`),
    'ERR_PACKAGE_PATH_NOT_EXPORTED',
  ])
})

test('its types are what the library promises, for a program that knows the types of Node alone', async () => {
  cpSync(join(root, 'test/types'), join(empty, 'types'), { recursive: true })
  mkdirSync(join(empty, 'node_modules/@types'))
  symlinkSync(join(root, 'node_modules/@types/node'), join(empty, 'node_modules/@types/node'))
  const compiler = join(root, 'node_modules/typescript/bin/tsc')
  assert.equal(await mustRun(process.execPath, compiler, '--project', 'types'), '')
})

test('without an executable the command says which package has it', async () => {
  const result = await inEmpty('node_modules/.bin/natspace', '--version')
  assert.equal(result.exitCode, 1)
  assert.match(result.stderr, new RegExp(`npm install natspace-linux-${process.arch}`))
})

test('with the package of this processor beside it the command runs', async () => {
  const executable = join(root, 'dist/natspace')
  layPlatformPackage({ name: process.arch, executable, folder: at('platform') })
  // As a folder npm links it: packing it would take longer than all the rest.
  await install('--ignore-scripts', at('platform'))
  const expected = `natspace ${version}\n`
  assert.equal(await mustRun('node_modules/.bin/natspace', '--version'), expected)
  assert.equal(await mustRun('npx', '--offline', 'natspace', '--version'), expected)
  assert.match(await mustRun('npx', '--offline', 'natspace', 'up', 'packed'), /packed/)
})
