/** docs/spec.schema.json as a value. For the generator and its test only: the converter is not shipped. */

import { toJsonSchema } from '@valibot/to-json-schema'
import { specFileSchema } from './schema.ts'

/** JSON Schema (draft 2020-12) of the spec file. */
export function specJsonSchema(): Record<string, unknown> {
  return { ...toJsonSchema(specFileSchema, { target: 'draft-2020-12' }) }
}

/** The text of docs/spec.schema.json. */
export function specJsonSchemaText(): string {
  return `${JSON.stringify(specJsonSchema(), null, 2)}\n`
}
