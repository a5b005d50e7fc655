import * as v from 'valibot'
import { NatspaceError } from '../space/errors.ts'
import type { Params, Verb } from './channel.ts'

/**
 * The form of what each verb takes, checked on the engine's side of the pipe: whoever has broken into the front must not
 * get further than an honest page. Only types and sizes: what a name or a filter means is read by those who know.
 */

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(64))
/** A destination, an origin, a filter. */
const phrase = v.pipe(v.string(), v.minLength(1), v.maxLength(4096))
/** A spec file; longer ones are for the command. */
const text = v.pipe(v.string(), v.maxLength(1_000_000))
const names = v.pipe(v.array(name), v.minLength(1), v.maxLength(4096))
const nothing = v.strictObject({})

/** Longest wait for a probe's walk, in milliseconds. */
const longestTimeout = 10_000

const forms = {
  hello: nothing,
  topology: nothing,
  space: v.strictObject({ name }),
  walk: v.strictObject({
    space: name,
    to: phrase,
    timeout: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(longestTimeout))),
  }),
  walks: nothing,
  walkById: v.strictObject({ id: name }),
  follow: v.strictObject({ space: name, from: v.exactOptional(phrase), filter: v.exactOptional(phrase) }),
  unfollow: v.strictObject({ id: name }),
  doctor: v.strictObject({ space: name, to: v.exactOptional(phrase) }),
  schema: nothing,
  spec: nothing,
  plan: v.union([v.strictObject({ text }), v.strictObject({ remove: names })]),
  apply: v.strictObject({ text }),
  remove: v.strictObject({ names }),
  lab: nothing,
  setLab: v.union([
    v.strictObject({ without: v.nullable(v.pipe(v.number(), v.integer())) }),
    v.strictObject({ visit: v.literal('published') }),
  ]),
  start: nothing,
  stop: nothing,
} satisfies { [V in Verb]: v.GenericSchema<unknown, Params<V>> }

export const isVerb = (verb: string): verb is Verb => Object.hasOwn(forms, verb)

/** The params of a verb, with the right types and sizes. Throws NatspaceError BAD_REQUEST. */
export const readParams = <V extends Verb>(verb: V, params: unknown): Params<V> => {
  const form: v.GenericSchema = forms[verb]
  const { success, output, issues } = v.safeParse(form, params)
  if (success) return output as Params<V>
  throw new NatspaceError({
    code: 'BAD_REQUEST',
    exit: 2,
    what: `cannot answer the request for ${verb}`,
    why: 'it has not the form that the server reads',
    evidence: issues.slice(0, 5).map(issue => `${v.getDotPath(issue) ?? 'the body'}: ${issue.message}`),
    fix: ['reload the page: another version of natspace may serve it now'],
  })
}
