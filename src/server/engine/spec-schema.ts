import schema from '../../../docs/spec.schema.json' with { type: 'json' }

/** The JSON Schema of spec files, for help while one is written. */
export const specSchema: object = schema
