/** What `npm pack` makes in a checkout, installed without a network into an empty folder, and used there. */
import assert from 'node:assert/strict'
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runInSandbox } from '../../dist/lib/testing.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const { version } = manifest
// The sandbox has a /run of its own, in which nothing is seen of what lies below this one.
const scratch = tmpdir().startsWith('/run/') ? '/var/tmp' : tmpdir()
const place = mkdtempSync(join(scratch, 'natspace-pack-'))
const at = (...names) => join(place, ...names)
after(() => rmSync(place, { recursive: true, force: true }))

const env = {
  ...process.env,
  NODE_PATH: '',
  NPM_CONFIG_OFFLINE: 'true',
  NPM_CONFIG_CACHE: at('cache'),
  NPM_CONFIG_USERCONFIG: at('npmrc'),
}

const mustRun = async (cwd, ...command) => {
  const result = await runInSandbox(command, { cwd, env, timeout: 120_000 })
  assert.equal(result.exitCode, 0, `${command.join(' ')}\n${result.stdout}${result.stderr}`)
  return result.stdout
}

/** A checkout as it is after a build, as npm changes package.json while it packs. */
const copyCheckout = () => {
  const skipped = new Set(['.git', 'build', 'dist', 'node_modules', 'test', 'bench'])
  for (const name of readdirSync(root).filter(name => !skipped.has(name)))
    cpSync(join(root, name), at('checkout', name), { recursive: true })
  for (const name of ['lib', 'lib.stamp', 'natspace.stamp', 'ui.stamp', 'page.json'])
    cpSync(join(root, 'dist', name), at('checkout/dist', name), { recursive: true })
  linkOrCopy(join(root, 'dist/natspace'), at('checkout/dist/natspace'))
  for (const name of [...Object.keys(manifest.dependencies), '@koromix', '.natspace-setup'])
    cpSync(join(root, 'node_modules', name), at('checkout/node_modules', name), { recursive: true })
}

const linkOrCopy = (from, to) => {
  mkdirSync(dirname(to), { recursive: true })
  try {
    linkSync(from, to)
  } catch {
    // Another file system, or not ours to link.
    cpSync(from, to)
  }
}

test('npm pack makes a package, and one with the executable, that install without a network', async () => {
  for (const name of ['empty', 'packed']) mkdirSync(at(name))
  writeFileSync(at('npmrc'), '')
  copyCheckout()
  await mustRun(at('checkout'), 'npm', 'pack', '--silent', '--pack-destination', at('packed'))
  assert.deepEqual(
    readFileSync(at('checkout/package.json')),
    readFileSync(join(root, 'package.json')),
    'package.json is as it was',
  )
  const files = [`natspace-${version}.tgz`, `natspace-linux-${process.arch}-${version}.tgz`]
  assert.deepEqual(readdirSync(at('packed')).sort(), files.slice().sort())

  writeFileSync(at('empty/package.json'), '{"name":"somebody","type":"module","private":true}\n')
  const paths = files.map(name => at('packed', name))
  await mustRun(at('empty'), 'npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', ...paths)
  const installed = JSON.parse(readFileSync(at('empty/node_modules/natspace/package.json'), 'utf8'))
  assert.deepEqual(installed.bundleDependencies, Object.keys(manifest.dependencies))
  assert.deepEqual(installed.optionalDependencies, {
    'natspace-linux-x64': version,
    'natspace-linux-arm64': version,
  })
  assert.equal(
    await mustRun(at('empty'), 'npx', '--offline', 'natspace', '--version'),
    `natspace ${version}\n`,
  )
  const code = `
    import { up } from 'natspace'
    const space = await up()
    const { stdout } = await space.exec('cat', ['/proc/net/dev'])
    console.log(stdout.includes('eth0'), await space.down())
  `
  assert.equal(
    await mustRun(at('empty'), process.execPath, '--input-type=module', '-e', code),
    'true undefined\n',
  )
})
