// `npm test [-- GROUP…]`: everything, or the groups whose names begin so. The last line is 'N passed, N failed'.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { bunPath } from './lib/bun-path.mjs'
import { ensurePackages, packagesFor } from './lib/packages.mjs'
import { Failure, follow, main, root, say } from './lib/run.mjs'
import { rootSandbox, userSandbox, whyClosed } from './lib/sandbox.mjs'
import { ensureSecondOpinions } from './lib/second-opinions.mjs'
import { failedTests, skipReasons, table, tally } from './lib/tally.mjs'
import { setup } from './setup.mjs'

const isRoot = process.getuid() === 0
const isCi = process.env.CI === 'true'
const strict = ['--error-on-warnings', '--diagnostic-level=warn']
const bunTest = ['test', '--timeout=60000']

/** Programs whose exit status is the whole result: one test. */
const oneTest = async (command, seconds) => {
  const { code } = await follow(command, { seconds })
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0, output: '' }
}

const counted = async (command, options) => {
  const result = await follow(command, options)
  return { ...tally(result), output: result.output }
}

/** Announces a sandbox; fails where it cannot be entered. */
const open = sandbox => {
  say(`As ${sandbox.how}.`)
  const reason = whyClosed(sandbox)
  if (reason !== undefined) throw new Failure(reason)
}

/** A command inside a sandbox. Root's programs are installed by now, so that a missing one is no excuse. */
const sandboxed = (sandbox, command, options) => {
  const env = { NATSPACE_TEST_AS: sandbox.as, ...(isRoot ? { NATSPACE_TEST_TOOLS: 'required' } : {}) }
  return counted([...sandbox.prefix, ...command], { env, ...options })
}

/** Every file of a folder in a sandbox of its own, which goes with all that the file has left. */
const fileByFile = async (folder, sandbox, options) => {
  open(sandbox)
  const results = []
  for (const file of filesIn(folder, '.test.ts'))
    results.push(await sandboxed(sandbox, [bunPath(), ...bunTest, file], { seconds: 600, ...options }))
  const sum = key => results.reduce((total, result) => total + result[key], 0)
  return {
    passed: sum('passed'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    output: results.map(({ output }) => output).join(''),
  }
}

const kernelTests = sandbox => fileByFile('test/kernel', sandbox, { held: true })

const filesIn = (folder, ending) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter(name => name.endsWith(ending))
        .map(name => `./${folder}/${name}`)
    : []

const userPlace = () => userSandbox([bunPath(), process.execPath])

const groups = {
  build: () => {
    build()
    return { passed: 1, failed: 0, skipped: 0, output: '' }
  },
  style: () => oneTest([process.execPath, 'node_modules/@biomejs/biome/bin/biome', 'check', ...strict], 120),
  types: () => oneTest([process.execPath, 'node_modules/typescript/bin/tsc', '--noEmit'], 300),
  // The page's own, and the tests in a browser, which know of documents and windows.
  'types-page': () =>
    oneTest([process.execPath, 'node_modules/typescript/bin/tsc', '--noEmit', '-p', 'ui'], 300),
  unit: () => {
    const places = ['./src', './ui', './scripts', ...filesIn('test', '.test.ts')]
    return counted([bunPath(), ...bunTest, ...places], { seconds: 900 })
  },
  'kernel-root': () => kernelTests(rootSandbox()),
  'kernel-user': () => kernelTests(userPlace()),
  node: () => {
    const files = filesIn('test/node', '.test.mjs')
    if (files.length === 0) throw new Failure('test/node holds no *.test.mjs')
    const place = userPlace()
    open(place)
    return sandboxed(place, [process.execPath, '--test', '--test-reporter=spec', ...files], { seconds: 300 })
  },
  browser: () => fileByFile('test/browser', userPlace(), {}),
  demo: () => oneTest([join(root, 'dist/natspace'), 'lab', 'run'], 300),
}

/** The groups to run. What the built command or library is needed for brings the build with it. */
function chosen(filters) {
  const names = Object.keys(groups)
  const unknown = filters.find(filter => !names.some(name => name.startsWith(filter)))
  if (unknown !== undefined)
    throw new Failure(`No group of tests begins with ${unknown}. They are: ${names.join(', ')}`)
  const wanted = names.filter(name => filters.length === 0 || filters.some(filter => name.startsWith(filter)))
  if (
    wanted.some(name => !['style', 'types', 'types-page', 'unit'].includes(name)) &&
    !wanted.includes('build')
  )
    wanted.unshift('build')
  if (!isRoot && wanted.includes('kernel-root'))
    say('Not root: the kernel tests run once, in a user namespace, and not a second time as root.\n')
  return wanted.filter(name => isRoot || name !== 'kernel-root')
}

/** Groups that run at the same time: the kernel tests of both users mostly wait, and share nothing. */
const sideBySide = names => {
  const kernel = names.filter(name => name.startsWith('kernel'))
  const first = names.indexOf(kernel[0])
  return names.flatMap((name, place) => (place === first ? [kernel] : kernel.includes(name) ? [] : [[name]]))
}

/** Runs one group and returns its row of the summary; a Failure inside is told, and counts as one failed test. */
async function runGroup(name) {
  say(`\n── ${name} ──`)
  const start = performance.now()
  const row = counts => ({ name, ...counts, seconds: (performance.now() - start) / 1000 })
  try {
    return row(await groups[name]())
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    say(error.message)
    return row({ passed: 0, failed: 1, skipped: 0, output: '' })
  }
}

main(async () => {
  const rows = []
  try {
    const names = chosen(process.argv.slice(2))
    setup()
    if (names.some(name => name.startsWith('kernel') || name === 'browser')) {
      ensurePackages(packagesFor('test'))
      ensureSecondOpinions()
    }
    for (const together of sideBySide(names)) rows.push(...(await Promise.all(together.map(runGroup))))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    say(error.message)
    rows.push({ name: 'setup', passed: 0, failed: 1, skipped: 0, seconds: 0, output: '' })
  }
  const total = key => rows.reduce((sum, row) => sum + row[key], 0)
  say(`\n${table(rows)}`)
  for (const reason of new Set(rows.flatMap(row => skipReasons(row.output)))) say(`skipped: ${reason}`)
  // Once more, as they stand far above by now.
  for (const { name, output } of rows)
    for (const test of failedTests(output)) say(`failed in ${name}: ${test}`)
  // Where everything is promised to be there, a test that did not run has not passed.
  const skipped = total('skipped')
  const failed = total('failed') + (isCi ? skipped : 0)
  if (skipped > 0)
    say(isCi ? `${skipped} skipped: a failure under CI=true` : `${skipped} skipped: not counted as passed`)
  say(`${total('passed')} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
})
