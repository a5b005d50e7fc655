/** Writes dist/page.json out of dist/ui: the page as scripts/build.mjs puts it into the executable. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packPage } from '../src/server/front/page.ts'

const dist = join(import.meta.dirname, '../dist')
writeFileSync(join(dist, 'page.json'), JSON.stringify(packPage(join(dist, 'ui'))))
