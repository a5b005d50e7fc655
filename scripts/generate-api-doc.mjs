// docs/api.md, from what the library exports: `node scripts/generate-api-doc.mjs`. test/node/api-document.test.mjs holds both equal.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { apiDocument } from './lib/api-document.mjs'
import { main, root } from './lib/run.mjs'

main(() => {
  build()
  writeFileSync(join(root, 'docs/api.md'), apiDocument())
})
