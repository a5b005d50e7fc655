import { expect, test } from 'bun:test'
import { EditorState, type Transaction, type TransactionSpec } from '@codemirror/state'
import type { EditorView } from '@codemirror/view'
import { editHistory, redo, undo } from './edit-history.ts'

/** As much of a view as a command needs. */
const editor = (doc: string) => {
  const view = {
    state: EditorState.create({ doc, extensions: [editHistory()] }),
    dispatch(spec: TransactionSpec) {
      const transaction: Transaction = view.state.update(spec)
      view.state = transaction.state
    },
  }
  const run = (command: typeof undo): boolean => command(view as unknown as EditorView)
  const type = (insert: string, userEvent = 'input.paste') => {
    const at = view.state.doc.length
    view.dispatch({ changes: { from: at, insert }, selection: { anchor: at + insert.length }, userEvent })
  }
  return { text: () => view.state.doc.toString(), run, type }
}

test('steps are undone and done again, in order', () => {
  const { text, run, type } = editor('a')
  type('b')
  type('c')
  expect(run(undo)).toBe(true)
  expect(text()).toBe('ab')
  expect(run(undo)).toBe(true)
  expect(text()).toBe('a')
  expect(run(undo)).toBe(false)
  expect(run(redo)).toBe(true)
  expect(run(redo)).toBe(true)
  expect(text()).toBe('abc')
  expect(run(redo)).toBe(false)
})

test('what is typed in one go is one step', () => {
  const { text, run, type } = editor('')
  for (const letter of 'spaces') type(letter, 'input.type')
  run(undo)
  expect(text()).toBe('')
  run(redo)
  expect(text()).toBe('spaces')
})

test('what was undone is gone once something else is typed', () => {
  const { text, run, type } = editor('')
  type('a')
  run(undo)
  type('b')
  expect(run(redo)).toBe(false)
  expect(text()).toBe('b')
})
