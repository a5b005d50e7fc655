// `npm run test:runtimes [-- VERSION…]`: the library's tests on each Node that it promises to run on, and on Bun.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { bunPath } from './lib/bun-path.mjs'
import { ask, Failure, follow, main, root, say } from './lib/run.mjs'
import { userSandbox, whyClosed } from './lib/sandbox.mjs'
import { table, tally } from './lib/tally.mjs'
import { setup } from './setup.mjs'

/** Those that Node's makers still mend, and the oldest that the library promises. */
const versions = ['20', '22', '24', '26']
const files = ['ffi', 'library', 'facade', 'library-document'].map(name => `./test/node/${name}.test.mjs`)

/** The newest Node of a line, below build/runtimes, from the package of npm that holds its executable. Throws a Failure. */
const nodeOf = version => {
  const folder = join(root, 'build/runtimes', `node-${version}`)
  const name = `node-linux-${process.arch}`
  const executable = join(folder, 'node_modules', name, 'bin/node')
  if (existsSync(executable)) return executable
  say(`Fetching Node ${version} …`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const words = ['--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund']
  const { ok, output } = ask('npm', ['install', ...words, `${name}@${version}`])
  if (ok && existsSync(executable)) return executable
  rmSync(folder, { recursive: true })
  throw new Failure(`Cannot get Node ${version}:\n${output}`)
}

const nodeTest = (node, names) => [node, '--test', '--test-reporter=spec', ...names]
const onNode = node => [nodeTest(node, files)]
// These start Bun beside Node; the suite of the engine runs on it.
const onBun = () => [
  nodeTest(process.execPath, files.slice(2)),
  [bunPath(), 'test', '--timeout=60000', './test/node/library.test.mjs'],
]

const runtimeOf = version => {
  if (version === 'bun')
    return { name: `Bun ${ask(bunPath(), ['--version']).output}`, only: 'bun', commands: onBun() }
  const node = nodeOf(version)
  return { name: `Node ${ask(node, ['--version']).output}`, only: 'node', commands: onNode(node) }
}

/** One row of the table: the runtime's tests as an ordinary user has them. */
const testOn = async (place, { name, only, commands }) => {
  say(`\n── ${name} ──`)
  const start = performance.now()
  const row = { name, passed: 0, failed: 0, skipped: 0 }
  for (const command of commands) {
    const env = { NATSPACE_TEST_RUNTIME: only }
    const counts = tally(await follow([...place.prefix, ...command], { env, seconds: 300 }))
    for (const key of ['passed', 'failed', 'skipped']) row[key] += counts[key]
  }
  return { ...row, seconds: (performance.now() - start) / 1000 }
}

main(async () => {
  setup()
  build()
  const asked = process.argv.slice(2)
  const known = [...versions, 'bun']
  const unknown = asked.find(version => !known.includes(version))
  if (unknown !== undefined) throw new Failure(`${unknown} is none of ${known.join(', ')}`)
  const runtimes = (asked.length > 0 ? asked : known).map(runtimeOf)
  const place = userSandbox([bunPath(), process.execPath, ...runtimes.map(({ commands }) => commands[0][0])])
  say(`As ${place.how}.`)
  const reason = whyClosed(place)
  if (reason !== undefined) throw new Failure(reason)
  const rows = []
  for (const runtime of runtimes) rows.push(await testOn(place, runtime))
  say(`\n${table(rows)}`)
  const failed = rows.reduce((sum, row) => sum + row.failed + row.skipped, 0)
  say(failed === 0 ? 'The library works on all of them.' : `${failed} failed`)
  return failed === 0 ? 0 : 1
})
