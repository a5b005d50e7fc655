// `npm run bench [-- what]`: natspace timed against the tools it replaces.
import { build } from './build.mjs'
import { bunPath } from './lib/bun-path.mjs'
import { ensurePackages, packagesFor } from './lib/packages.mjs'
import { Failure, main, run, say } from './lib/run.mjs'
import { ensureSecondOpinions } from './lib/second-opinions.mjs'
import { setup } from './setup.mjs'

/** Podman is one peer of many: without it the others are measured all the same. */
function ensurePodman() {
  try {
    ensureSecondOpinions(['containers'])
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    say(error.message)
  }
}

main(() => {
  const words = process.argv.slice(2)
  setup()
  if (!words.some(word => word === '--help' || word === '-h')) {
    build()
    ensurePackages(packagesFor('bench'))
    ensurePodman()
  }
  return run(bunPath(), ['bench/main.ts', ...words])
})
