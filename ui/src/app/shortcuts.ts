/** Single keys that work everywhere but where somebody types. */
import { views } from './router.ts'

export type Shortcut =
  | { does: 'view'; view: (typeof views)[number] }
  | { does: 'help' | 'theme' | 'language' }

/** What is known of a key press; `typing` where the key belongs to a text that is being written. */
export type Press = { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean; typing: boolean }

/** What a key press asks for, if anything. */
export function shortcutOf({ key, ctrlKey, metaKey, altKey, typing }: Press): Shortcut | undefined {
  if (typing || ctrlKey || metaKey || altKey) return undefined
  if (key === '?') return { does: 'help' }
  if (key === 't') return { does: 'theme' }
  if (key === 'l') return { does: 'language' }
  const view = views[Number(key) - 1]
  return /^[1-9]$/.test(key) && view !== undefined ? { does: 'view', view } : undefined
}

/** Whether a key that is pressed now is written somewhere. An editor may stand in a shadow tree. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0]
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName)
}
