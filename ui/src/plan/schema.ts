/** What a JSON Schema says about one place of a document, as far as an editor can use it. All pure. */

/** A key that may stand somewhere. `nests` where its value goes on in the lines below. */
export type KeyHelp = { name: string; description: string; nests: boolean; list: boolean }

/** What is known of the value at a place. */
export type PlaceHelp = { description: string; values: string[]; examples: string[]; keys: KeyHelp[] }

type Schema = { readonly [key: string]: unknown }

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** A schema and all that it may be instead. */
const variants = (schema: Schema): Schema[] => [
  schema,
  ...['anyOf', 'oneOf', 'allOf'].flatMap(key => listOf(schema[key]).filter(isSchema).flatMap(variants)),
]

/** What may stand below a key; `undefined` is an element of a list. */
const below = (schema: Schema, key: string | undefined): Schema[] =>
  variants(schema).flatMap(variant => {
    if (key === undefined) return isSchema(variant.items) ? [variant.items] : []
    const properties = isSchema(variant.properties) ? variant.properties : {}
    // Own properties alone: a space may be called constructor.
    const own = Object.hasOwn(properties, key) ? properties[key] : undefined
    if (isSchema(own)) return [own]
    return isSchema(variant.additionalProperties) ? [variant.additionalProperties] : []
  })

/** A path of keys; `undefined` stands for an element of a list. */
export type Path = readonly (string | undefined)[]

const at = (schema: unknown, path: Path): Schema[] =>
  path.reduce<Schema[]>(
    (schemas, key) => schemas.flatMap(one => below(one, key)),
    isSchema(schema) ? [schema] : [],
  )

const described = (schemas: readonly Schema[]): string =>
  (schemas
    .flatMap(variants)
    .map(({ description }) => description)
    .find(text => typeof text === 'string') as string) ?? ''

const scalar = (value: unknown): string[] =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : []

const keysOf = (schemas: readonly Schema[]): KeyHelp[] => {
  const keys = new Map<string, KeyHelp>()
  for (const { properties } of schemas.flatMap(variants))
    for (const [name, value] of Object.entries(isSchema(properties) ? properties : {})) {
      if (name.startsWith('$') || !isSchema(value)) continue
      const all = variants(value)
      const isMap = all.some(one => isSchema(one.properties) || isSchema(one.additionalProperties))
      const isList = all.some(({ items }) => items !== undefined)
      keys.set(name, { name, description: described([value]), nests: isMap, list: isList })
    }
  return [...keys.values()]
}

/** All that the schema says about the value at this place. Nothing where it says nothing. */
export function helpAt(schema: unknown, path: Path): PlaceHelp {
  const schemas = at(schema, path)
  const all = schemas.flatMap(variants)
  const values = all.flatMap(one => [
    ...listOf(one.enum).flatMap(scalar),
    ...('const' in one ? scalar(one.const) : []),
    ...(one.type === 'boolean' ? ['true', 'false'] : []),
  ])
  const examples = all
    .flatMap(one => listOf(one.examples))
    .flatMap(example =>
      Array.isArray(example)
        ? [
            `[${example
              .flatMap(scalar)
              .map(text => JSON.stringify(text))
              .join(', ')}]`,
          ]
        : scalar(example),
    )
  return {
    description: described(schemas),
    values: [...new Set(values)],
    examples: [...new Set(examples)],
    keys: keysOf(schemas),
  }
}
