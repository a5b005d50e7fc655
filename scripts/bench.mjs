// `npm run bench [-- what]`: natspace timed against the tools it replaces.
import { build } from './build.mjs'
import { bunPath } from './lib/bun-path.mjs'
import { ensurePackages, packagesFor } from './lib/packages.mjs'
import { main, run } from './lib/run.mjs'
import { setup } from './setup.mjs'

main(() => {
  setup()
  build()
  ensurePackages(packagesFor('bench'))
  return run(bunPath(), ['bench/main.ts', ...process.argv.slice(2)])
})
