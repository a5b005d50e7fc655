/**
 * The player as a value: which frame is shown, whether it runs, and how fast. Whoever shows it asks for the next state, and
 * keeps the clock. All pure.
 */

export type Player = {
  index: number
  /** At least 1. */
  length: number
  isPlaying: boolean
  speed: Speed
}

export const speeds = [0.5, 1, 2, 4] as const
export type Speed = (typeof speeds)[number]

export type PlayerAction =
  | { type: 'toggle' | 'forward' | 'back' | 'first' | 'last' | 'tick' | 'pause' }
  | { type: 'to'; index: number }
  | { type: 'speed'; speed: Speed }

export const newPlayer = (length: number, index = 0): Player => ({
  index: clamp(index, length),
  length: Math.max(1, length),
  isPlaying: false,
  speed: 1,
})

const clamp = (index: number, length: number): number =>
  Math.min(Math.max(0, Number.isFinite(index) ? Math.trunc(index) : 0), Math.max(1, length) - 1)

/** What an action makes of it. To step is to stop playing; to play at the end begins anew. */
export const played = (player: Player, action: PlayerAction): Player => {
  const { index, length, isPlaying } = player
  switch (action.type) {
    case 'toggle':
      return isPlaying
        ? { ...player, isPlaying: false }
        : { ...player, isPlaying: length > 1, index: index === length - 1 ? 0 : index }
    case 'pause':
      return { ...player, isPlaying: false }
    case 'tick':
      return isPlaying ? moved(player, index + 1, index + 1 < length - 1) : player
    case 'forward':
      return moved(player, index + 1, false)
    case 'back':
      return moved(player, index - 1, false)
    case 'first':
      return moved(player, 0, false)
    case 'last':
      return moved(player, length - 1, false)
    case 'to':
      return moved(player, action.index, false)
    case 'speed':
      return { ...player, speed: action.speed }
  }
}

const moved = (player: Player, index: number, isPlaying: boolean): Player => ({
  ...player,
  index: clamp(index, player.length),
  isPlaying,
})

/** Milliseconds that a frame stays, at speed 1. */
const frameTime = 1400

/** How long the frame that is shown stays, in milliseconds. */
export const stayOf = ({ speed }: Pick<Player, 'speed'>): number => frameTime / speed

/**
 * What a key does, or undefined. Where a control of its own has the focus, its keys are its own: what is typed into a field
 * is text, the space bar presses a button, and arrows move a slider.
 */
export const actionOfKey = (
  { key, ctrlKey, altKey, metaKey }: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey'>,
  focus: 'none' | 'button' | 'slider' | 'field',
): PlayerAction | undefined => {
  if (ctrlKey || altKey || metaKey || focus === 'field') return undefined
  if (key === ' ') return focus === 'button' ? undefined : { type: 'toggle' }
  const action = ({ ArrowRight: 'forward', ArrowLeft: 'back', Home: 'first', End: 'last' } as const)[key]
  return action === undefined || focus === 'slider' ? undefined : { type: action }
}

/** What has the focus, as far as keys are concerned. */
export const focusOf = (element: Element | null): Parameters<typeof actionOfKey>[1] => {
  if (element === null) return 'none'
  const name = element.tagName.toLowerCase()
  if (name === 'input') {
    const type = element.getAttribute('type') ?? 'text'
    if (type === 'range') return 'slider'
    return ['checkbox', 'radio', 'button', 'submit', 'file'].includes(type) ? 'button' : 'field'
  }
  if (name === 'textarea' || name === 'select' || element.getAttribute('contenteditable') === 'true')
    return 'field'
  return ['button', 'a', 'summary'].includes(name) || element.getAttribute('role') === 'button'
    ? 'button'
    : 'none'
}
