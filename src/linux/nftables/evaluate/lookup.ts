import type { Infer } from '../../netlink/codec.ts'
import type { dynsetExpression } from '../expressions/dynset.ts'
import { type lookupExpression, lookupInverted } from '../expressions/lookup.ts'
import type { objrefExpression } from '../expressions/objref.ts'
import { objectTypes } from '../messages/object.ts'
import type { SetState } from '../read/model.ts'
import type { SetElement } from '../sets/element.ts'
import { joinBits } from './bits.ts'
import type { Context } from './context.ts'
import { type Found, find, mappedBits } from './set-index.ts'
import { goOn, onlyIf, type Step } from './step.ts'
import { inverted, type Truth } from './truth.ts'
import { endOf } from './verdict.ts'

const setNamed = ({ table }: Context, name: string | undefined): SetState | undefined =>
  table.sets.find(set => set.name === name)

const keyOf = ({ table }: Context, set: string): string => `${table.family} ${table.name} ${set}`

/** What the set says, minding that a rule before may have added to it. */
const look = (context: Context, set: SetState, register: number | undefined): Found => {
  const found = find(set, context.registers.load(register, set.keyBytes))
  const grown = context.state.written.has(keyOf(context, set.name))
  return grown && found.sure !== undefined
    ? { ...found, sure: undefined, maybe: [found.sure], certainlyIn: false }
    : found
}

const membership = ({ sure, maybe, certainlyIn }: Found, grown: boolean): Truth =>
  sure !== undefined || certainlyIn ? true : maybe.length > 0 || grown ? 'unknown' : false

/** Looks a register up in a set or map. net/netfilter/nft_lookup.c. */
export const evaluateLookup = (data: Infer<typeof lookupExpression>, context: Context): Step => {
  const { registers, state } = context
  const set = setNamed(context, data.set)
  if (set === undefined) return { go: state, miss: true, ends: [] }
  const found = look(context, set, data.sreg)
  const isIn = membership(found, state.written.has(keyOf(context, set.name)))
  if (data.dreg === undefined)
    return onlyIf(inverted(isIn, ((data.flags ?? 0) & lookupInverted) !== 0), state)
  const candidates = found.sure === undefined ? found.maybe : [found.sure]
  if (data.dreg === 0) return verdictStep(candidates, isIn, context)
  const values = candidates.map(element => mappedBits(set, element))
  const [first, ...more] = values
  if (first !== undefined) registers.store(data.dreg, more.reduce(joinBits, first))
  return onlyIf(isIn, state)
}

/** A verdict map: every element that fits gives its verdict; without one the rule does not apply. */
const verdictStep = (candidates: readonly SetElement[], isIn: Truth, { state }: Context): Step => {
  const steps = candidates.map(({ data }) => endOf(Array.isArray(data) ? undefined : data, state))
  return {
    go: steps.some(step => step.go !== undefined) ? state : undefined,
    miss: isIn !== true || steps.some(step => step.miss),
    ends: steps.flatMap(step => step.ends),
  }
}

/** NFT_DYNSET_F_INV. */
const dynsetInverted = 1

/** Writes to a set, and goes on unless the set is full. net/netfilter/nft_dynset.c. */
export const evaluateDynset = (data: Infer<typeof dynsetExpression>, context: Context): Step => {
  const { state } = context
  const written: ReadonlySet<string> = new Set([...state.written, keyOf(context, data.set ?? '')])
  const limited = [
    ...(data.expressions ?? []),
    ...(data.expression === undefined ? [] : [data.expression]),
  ].some(({ name }) => name !== 'counter' && name !== 'last')
  const certain = !limited && data.operation !== 'delete' && ((data.flags ?? 0) & dynsetInverted) === 0
  return onlyIf(certain ? true : 'unknown', { ...state, written })
}

/** Objects that let every packet go on. */
const harmless: readonly number[] = [
  objectTypes.counter,
  objectTypes['ct helper'],
  objectTypes['ct timeout'],
  objectTypes['ct expectation'],
  objectTypes.secmark,
]

/** Uses a named object, or the one that a map gives for a register. net/netfilter/nft_objref.c. */
export const evaluateObjref = (data: Infer<typeof objrefExpression>, context: Context): Step => {
  const { state } = context
  const goes = (type: number | undefined): Truth =>
    type !== undefined && harmless.includes(type) ? true : 'unknown'
  if (data.set === undefined) return onlyIf(goes(data.type), state)
  const set = setNamed(context, data.set)
  if (set === undefined) return onlyIf('unknown', state)
  const isIn = membership(look(context, set, data.sreg), false)
  return isIn === true ? onlyIf(goes(set.objectType), state) : onlyIf(isIn, state)
}

/** The rule goes on whatever happens: it only counts, logs or copies. */
export const passing = ({ state }: Context): Step => goOn(state)
