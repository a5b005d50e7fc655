// Run by `npm pack` before it packs the checkout: builds what goes into the package, and says in package.json what it will be.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from './build.mjs'
import { main, root } from './lib/run.mjs'
import { setup } from './setup.mjs'

/** package.json as it was, while another lies in its place; scripts/postpack.mjs puts it back. */
const kept = join(root, 'build/package.json')

main(async () => {
  // One that was interrupted: what it had put aside is the right one.
  if (existsSync(kept)) renameSync(kept, join(root, 'package.json'))
  setup()
  build()
  const { packedManifest } = await import('./lib/release/npm.mjs')
  mkdirSync(dirname(kept), { recursive: true })
  renameSync(join(root, 'package.json'), kept)
  writeFileSync(
    join(root, 'package.json'),
    `${JSON.stringify(packedManifest(['x64', 'arm64']), undefined, 2)}\n`,
  )
})
