/** Second opinions: programs of the field, such as nft or ip, that a kernel test compares natspace with. */
import { test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** As of bun:test, but without the modifiers: a name, a body, and a time limit in milliseconds. */
export type Test = (name: string, body: () => void | Promise<void>, timeout?: number) => void

// Debian leaves the folders of these programs out of an ordinary user's PATH.
const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(
  Boolean,
)
process.env.PATH = [...new Set(folders)].join(':')

const announced = new Set<string>()

/** The path of a program, or undefined. Equivalent to: `command -v NAME`. */
export const findTool = (name: string): string | undefined =>
  folders.map(folder => join(folder, name)).find(file => existsSync(file))

/**
 * The `test` to use where a test needs these programs: `requireTool('nft')('reads our rules', () => { … })`.
 * Where one is missing the test is skipped and says so in its name; where CI, or `npm test` as root, has promised
 * that they are there (CI or NATSPACE_TEST_TOOLS=required in the environment), it fails.
 */
export function requireTool(...names: readonly string[]): Test {
  const missing = names.filter(name => findTool(name) === undefined)
  return testUnless(
    missing.length === 0 ? undefined : `needs ${missing.join(', ')}`,
    'run `npm test` as root, which installs it, or install it yourself',
  )
}

/** The `test` where nothing is amiss; as `requireTool` where there is a reason why the test cannot run. */
export function testUnless(reason: string | undefined, remedy: string): Test {
  if (reason === undefined) return test
  if (process.env.CI === 'true' || process.env.NATSPACE_TEST_TOOLS === 'required') {
    return name =>
      test(name, () => {
        throw new Error(`${reason}: ${remedy}`)
      })
  }
  if (!announced.has(reason)) {
    announced.add(reason)
    process.stderr.write(`skipped: ${reason}\n`)
  }
  return name => test.skip(`${name} (skipped: ${reason})`, () => {})
}
