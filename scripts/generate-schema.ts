/** Writes docs/spec.schema.json from the schema in the source. Run: `npx bun scripts/generate-schema.ts`. */

import { writeFileSync } from 'node:fs'
import { specJsonSchemaText } from '../src/space/spec/json-schema.ts'

writeFileSync(new URL('../docs/spec.schema.json', import.meta.url), specJsonSchemaText())
