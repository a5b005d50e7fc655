/**
 * The editor for spec files. Its style sheets are made at run time, and the page's policy allows no inline style; inside a
 * shadow root the editor uses constructed style sheets instead of style elements, which the policy does not concern. The
 * theme's custom properties reach in from outside.
 */
import {
  autocompletion,
  type Completion,
  type CompletionSource,
  completionKeymap,
} from '@codemirror/autocomplete'
import { yamlLanguage } from '@codemirror/lang-yaml'
import { HighlightStyle, indentUnit, syntaxHighlighting } from '@codemirror/language'
import { type Diagnostic, lintGutter, setDiagnostics } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import {
  type Command,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  hoverTooltip,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { tags } from '@lezer/highlight'
import type { PlanReport } from '../../../src/server/protocol.ts'
import { shown } from '../text-safety.ts'
import { editHistory } from './edit-history.ts'
import { editorTheme } from './editor-theme.ts'
import { helpAt, type KeyHelp } from './schema.ts'
import { keyAt, placeAt } from './yaml-place.ts'

export type SpecEditor = {
  text: () => string
  setText: (text: string) => void
  setProblems: (problems: PlanReport['problems']) => void
  goTo: (line: number, column: number) => void
  destroy: () => void
}

export type EditorOptions = {
  text: string
  label: string
  describedBy: string
  schema: unknown
  onchange: (text: string) => void
  /** What the schema says about the line that the cursor is on. */
  onplace: (help: { name: string; description: string; examples: string[] } | undefined) => void
}

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)', fontWeight: '600' },
  { tag: tags.comment, color: 'var(--ink-3)', fontStyle: 'italic' },
  { tag: [tags.string, tags.content], color: 'var(--ink)' },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: 'var(--ink-3)' },
])

/** A new line begins where this one does, and further in after a key without a value. */
const newLine: Command = view => {
  const { state } = view
  if (state.readOnly) return false
  view.dispatch(
    state.changeByRange(range => {
      const line = state.doc.lineAt(range.from)
      const before = line.text.slice(0, range.from - line.from)
      const indent = /^\s*/.exec(before)?.[0] ?? ''
      const insert = `\n${indent}${/:\s*$/.test(before) ? '  ' : ''}`
      return {
        changes: { from: range.from, to: range.to, insert },
        range: range
          .extend(range.from + insert.length)
          .extend(range.from + insert.length, range.from + insert.length),
      }
    }),
    { scrollIntoView: true, userEvent: 'input' },
  )
  return true
}

const keyOption = ({ name, description, nests, list }: KeyHelp): Completion => ({
  label: name,
  apply: nests ? `${name}:\n` : list ? `${name}: []` : `${name}: `,
  info: description,
  type: 'property',
})

/** Offers the keys and values that the schema has for the place of the cursor. */
const offer =
  (schema: unknown): CompletionSource =>
  context => {
    const place = placeAt(context.state.doc.toString(), context.pos)
    if (!context.explicit && place.word === '') return null
    const help = helpAt(schema, place.path)
    const options: Completion[] =
      place.writes === 'key'
        ? help.keys.filter(({ name }) => !place.taken.includes(name)).map(keyOption)
        : [
            ...help.values.map((label): Completion => ({ label, type: 'enum', info: help.description })),
            ...help.examples.map((label): Completion => ({ label, type: 'text', info: help.description })),
          ]
    return options.length === 0 ? null : { from: place.from, options, validFor: /^[\w.:/-]*$/ }
  }

const helpOf = (schema: unknown, text: string, offset: number) => {
  const path = keyAt(text, offset)
  if (path === undefined) return undefined
  const { description, examples } = helpAt(schema, path)
  const name = path.findLast(key => key !== undefined) ?? ''
  return description === '' ? undefined : { name, description, examples }
}

const hover = (schema: unknown) =>
  hoverTooltip((view, offset) => {
    const help = helpOf(schema, view.state.doc.toString(), offset)
    if (help === undefined) return null
    const line = view.state.doc.lineAt(offset)
    return {
      pos: line.from + (/^\s*/.exec(line.text)?.[0].length ?? 0),
      end: line.to,
      above: true,
      create: () => {
        const dom = document.createElement('div')
        dom.className = 'cm-help'
        dom.textContent = help.description
        return { dom }
      },
    }
  })

/**
 * What is typed over a selection is put in by the editor itself: where Chromium does, it keeps the style of what was there
 * in an inline style, which the page's policy forbids, and says so in the console.
 */
const typeOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { data, inputType, isComposing } = event
    if (inputType !== 'insertText' || data === null || isComposing || view.state.selection.main.empty)
      return false
    event.preventDefault()
    view.dispatch(view.state.replaceSelection(data), { scrollIntoView: true, userEvent: 'input.type' })
    return true
  },
})

/** The editor's own selection at once, which otherwise follows that of the browser a moment later. */
const selectAll: Command = view => {
  view.dispatch({ selection: { anchor: 0, head: view.state.doc.length }, userEvent: 'select' })
  return true
}

/** Makes an editor inside this element. */
export function createEditor(parent: HTMLElement, options: EditorOptions): SpecEditor {
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' })
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        lineNumbers(),
        lintGutter(),
        highlightActiveLine(),
        highlightActiveLineGutter(),
        indentUnit.of('  '),
        yamlLanguage,
        syntaxHighlighting(colours),
        autocompletion({ override: [offer(options.schema)], icons: false }),
        hover(options.schema),
        editHistory(),
        typeOver,
        keymap.of([...completionKeymap, { key: 'Enter', run: newLine }, { key: 'Mod-a', run: selectAll }]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({
          'aria-label': options.label,
          'aria-describedby': options.describedBy,
          // A region that scrolls is to be reached by Tab, and says so.
          tabindex: '0',
          spellcheck: 'false',
          autocapitalize: 'off',
        }),
        editorTheme,
        EditorView.updateListener.of(update => {
          if (update.docChanged) options.onchange(update.state.doc.toString())
          if (update.docChanged || update.selectionSet)
            options.onplace(
              helpOf(options.schema, update.state.doc.toString(), update.state.selection.main.head),
            )
        }),
      ],
    }),
  })
  const offsetOf = (line: number, column: number): number => {
    const { doc } = view.state
    const found = doc.line(Math.min(Math.max(1, line), doc.lines))
    return Math.min(found.to, found.from + Math.max(0, column - 1))
  }
  const diagnosticOf = ({ message, why, line = 1, column }: PlanReport['problems'][number]): Diagnostic => {
    const from = offsetOf(line, column ?? 1)
    const end = view.state.doc.lineAt(from).to
    return { from, to: Math.max(from, end), severity: 'error', message: shown(`${message}. ${why}`) }
  }
  return {
    text: () => view.state.doc.toString(),
    setText: text => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    setProblems: problems => view.dispatch(setDiagnostics(view.state, problems.map(diagnosticOf))),
    goTo: (line, column) => {
      view.dispatch({ selection: { anchor: offsetOf(line, column) }, scrollIntoView: true })
      view.focus()
    },
    destroy: () => view.destroy(),
  }
}
