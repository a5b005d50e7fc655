import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { examples, exampleText } from './support/cni-examples.ts'

const document = readFileSync(join(import.meta.dirname, '../docs/cni.md'), 'utf8')

for (const { name, reference, natspace } of examples.filter(({ isOurs }) => !isOurs))
  test(`docs/cni.md has the example of ${name} as it is tried, by the reference plugins and by natspace`, () => {
    for (const plugin of [...reference, natspace]) {
      const text = exampleText(plugin)
      expect(JSON.parse(text)).toEqual(plugin)
      expect(document).toContain(`    ${text}\n`)
    }
  })
