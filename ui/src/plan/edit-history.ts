/**
 * Undo and redo. The editor has a package for it, which brings sixty commands along; this is what the page needs: what is
 * typed within half a second is one step, and a step that is undone can be done again until something else is typed.
 */
import {
  type ChangeSet,
  type Extension,
  Prec,
  StateEffect,
  StateField,
  type Transaction,
} from '@codemirror/state'
import { type Command, EditorView, keymap } from '@codemirror/view'

/** How to take a step back, and where the cursor was before it. */
type Step = { back: ChangeSet; cursor: number; time: number }
type History = { undone: Step[]; done: Step[] }

const most = 200
const together = 500

const moved = StateEffect.define<'undo' | 'redo'>()

const after = (history: History, transaction: Transaction): History => {
  if (!transaction.docChanged) return history
  const { startState, changes } = transaction
  const step: Step = {
    back: changes.invert(startState.doc),
    cursor: startState.selection.main.head,
    time: Date.now(),
  }
  const way = transaction.effects.find(effect => effect.is(moved))?.value
  if (way === 'undo') return { done: history.done.slice(0, -1), undone: [...history.undone, step] }
  if (way === 'redo')
    return { done: [...history.done, { ...step, time: 0 }], undone: history.undone.slice(0, -1) }
  const last = history.done.at(-1)
  if (last !== undefined && transaction.isUserEvent('input.type') && step.time - last.time < together) {
    const joined = { back: step.back.compose(last.back), cursor: last.cursor, time: step.time }
    return { done: [...history.done.slice(0, -1), joined], undone: [] }
  }
  return { done: [...history.done, step].slice(-most), undone: [] }
}

const field = StateField.define<History>({ create: () => ({ done: [], undone: [] }), update: after })

const move =
  (way: 'undo' | 'redo'): Command =>
  view => {
    const history = view.state.field(field)
    const step = (way === 'undo' ? history.done : history.undone).at(-1)
    if (step === undefined) return false
    const cursor = Math.min(step.cursor, step.back.newLength)
    view.dispatch({
      changes: step.back,
      selection: { anchor: cursor },
      effects: moved.of(way),
      scrollIntoView: true,
      userEvent: way,
    })
    return true
  }

export const undo: Command = move('undo')
export const redo: Command = move('redo')

/** Undo and redo by their keys, and by the browser's menu. */
export const editHistory = (): Extension => [
  field,
  Prec.high(
    keymap.of([
      { key: 'Mod-z', run: undo, preventDefault: true },
      { key: 'Mod-Shift-z', run: redo, preventDefault: true },
      { key: 'Mod-y', run: redo, preventDefault: true },
    ]),
  ),
  EditorView.domEventHandlers({
    beforeinput(event, view) {
      const command = { historyUndo: undo, historyRedo: redo }[event.inputType]
      if (command === undefined) return false
      event.preventDefault()
      return command(view)
    },
  }),
]
