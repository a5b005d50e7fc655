// `npm run demo [-- options of lab run]`: the reference experiment, from an empty checkout to its proofs.
import { join } from 'node:path'
import { build } from './build.mjs'
import { main, root, run } from './lib/run.mjs'
import { setup } from './setup.mjs'

main(() => {
  setup()
  build()
  return run(join(root, 'dist/natspace'), ['lab', 'run', ...process.argv.slice(2)])
})
