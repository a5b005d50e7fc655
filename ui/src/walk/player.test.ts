import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { actionOfKey, newPlayer, type Player, type PlayerAction, played, stayOf } from './player.ts'

const run = (player: Player, ...actions: PlayerAction[]) => actions.reduce(played, player)

test('steps stay within the walk, and stop the playing', () => {
  const player = newPlayer(3)
  expect(run(player, { type: 'back' }).index).toBe(0)
  expect(run(player, { type: 'last' }, { type: 'forward' }).index).toBe(2)
  expect(run(player, { type: 'toggle' }, { type: 'forward' })).toMatchObject({ index: 1, isPlaying: false })
})

test('it plays to the end and stops there; to play again begins anew', () => {
  const playing = run(newPlayer(3), { type: 'toggle' })
  expect(playing.isPlaying).toBe(true)
  const ended = run(playing, { type: 'tick' }, { type: 'tick' })
  expect(ended).toMatchObject({ index: 2, isPlaying: false })
  expect(run(ended, { type: 'tick' })).toEqual(ended)
  expect(run(ended, { type: 'toggle' })).toMatchObject({ index: 0, isPlaying: true })
})

test('a walk of one step does not play', () =>
  expect(run(newPlayer(1), { type: 'toggle' }).isPlaying).toBe(false))

test('twice the speed is half the stay', () => {
  expect(stayOf({ speed: 0.5 })).toBe(2 * stayOf({ speed: 1 }))
  expect(stayOf({ speed: 4 })).toBe(stayOf({ speed: 1 }) / 4)
})

test('whatever is done, the step is one that there is', () => {
  const action = fc.oneof(
    fc.constantFrom<PlayerAction>(
      ...(['toggle', 'forward', 'back', 'first', 'last', 'tick', 'pause'] as const).map(type => ({ type })),
    ),
    fc.double().map((index): PlayerAction => ({ type: 'to', index })),
  )
  fc.assert(
    fc.property(fc.nat(40), fc.array(action), (length, actions) => {
      const { index, length: known } = run(newPlayer(length), ...actions)
      expect(Number.isInteger(index) && index >= 0 && index < known).toBe(true)
    }),
  )
})

test('keys of the player are not taken from what has the focus', () => {
  const key = (name: string, focus: Parameters<typeof actionOfKey>[1], ctrlKey = false) =>
    actionOfKey({ key: name, ctrlKey, altKey: false, metaKey: false }, focus)?.type
  expect(key(' ', 'none')).toBe('toggle')
  expect(key(' ', 'button')).toBeUndefined()
  expect(key('ArrowRight', 'button')).toBe('forward')
  expect(key('ArrowLeft', 'none')).toBe('back')
  expect(key('ArrowLeft', 'slider')).toBeUndefined()
  expect(key(' ', 'slider')).toBe('toggle')
  expect(key('End', 'field')).toBeUndefined()
  expect(key('Home', 'none')).toBe('first')
  expect(key('Home', 'none', true)).toBeUndefined()
  expect(key('x', 'none')).toBeUndefined()
})
