// docs/api.md, made of the declarations that the compiler writes beside the library, and of the comments in them.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Failure, root } from './run.mjs'

/** The entries that a program works with; the other subpaths open with a text of their own. */
const entries = { natspace: 'index', 'natspace/engine': 'engine', 'natspace/testing': 'testing' }

const library = join(root, 'dist/lib')

const read = path => {
  if (!existsSync(path)) throw new Failure(`${path} is not there: npm run build`)
  return readFileSync(path, 'utf8')
}

/** The declarations that stand for `./x.ts` or `./x.js`. */
const declarationsAt = (from, specifier) => join(dirname(from), specifier.replace(/\.(ts|js)$/, '.d.ts'))

/** Every `export { a, type b } from './x.ts'` of a file: `[{name, file}]`, in its order. */
const exportsOf = file =>
  [...read(file).matchAll(/^export (?:type )?\{([^}]*)\} from '(\.[^']+)'/gm)].flatMap(
    ([, list, specifier]) =>
      list
        .split(',')
        .map(word => word.trim().replace(/^type /, ''))
        .filter(word => word !== '')
        .map(name => ({ name, file: declarationsAt(file, specifier) })),
  )

/** The file that declares what another only passes on. */
const declarationOf = (file, name) => {
  const text = read(file)
  const head = new RegExp(
    `^export (?:declare )?(const|function|class|abstract class|type|interface) ${name}\\b`,
    'm',
  )
  const found = head.exec(text)
  if (found !== null) return { text, kind: found[1], start: found.index }
  const passedOn = exportsOf(file).find(one => one.name === name)
  if (passedOn === undefined) throw new Failure(`${file} declares no ${name}`)
  return declarationOf(passedOn.file, name)
}

/** Where what cannot hold brackets of code ends that begins at `place` (a comment, a string), or `place` itself. */
const afterQuoted = (text, place) => {
  const rest = /\/\*[\s\S]*?\*\/|\/\/.*|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`/y
  rest.lastIndex = place
  return rest.exec(text) === null ? place : rest.lastIndex
}

/** The end of the declaration that begins at `start`: a semicolon, or the bracket of a class or interface, outside all others. */
const endOf = (text, start, isBlock) => {
  let depth = 0
  for (let place = start; place < text.length; place++) {
    const after = afterQuoted(text, place)
    if (after > place) place = after - 1
    else if ('({['.includes(text[place])) depth++
    else if (')}]'.includes(text[place])) depth--
    else if (depth > 0 || text[place] !== ';') continue
    if (depth === 0 && (text[place] === ';' || (isBlock && text[place] === '}'))) return place + 1
  }
  throw new Failure(`A declaration does not end: ${text.slice(start, start + 60)}`)
}

/** The doc comment right before a declaration as plain words, or ''. */
const commentBefore = (text, start) => {
  const found = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(text.slice(0, start))
  return found === null ? '' : wordsOf(found[1])
}

const wordsOf = comment =>
  comment
    .split('\n')
    .map(line => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .replace(/^@example$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim()

/** As a reader needs it: without what is said of every one, and indented as the sources are. */
const codeOf = text =>
  text
    .replace(/^export (declare )?/, '')
    .replace(/^ *#private;\n/m, '')
    .replace(/^( {4})+/gm, spaces => ' '.repeat(spaces.length / 2))

const describe = ({ name, file }) => {
  const { text, kind, start } = declarationOf(file, name)
  const isBlock = kind === 'interface' || kind.endsWith('class')
  const code = codeOf(text.slice(start, endOf(text, start, isBlock)))
  const isCallable = kind === 'function' || (kind === 'const' && /^const \w+: (<|\()/.test(code))
  return { name, code, words: commentBefore(text, start), group: groupOf(kind, isCallable) }
}

const groups = ['Functions', 'Classes', 'Values', 'Types']
const groupOf = (kind, isCallable) => {
  if (isCallable) return 'Functions'
  if (kind.endsWith('class')) return 'Classes'
  return kind === 'const' ? 'Values' : 'Types'
}

const item = ({ name, code, words }) =>
  `#### ${name}\n\n${words === '' ? '' : `${words}\n\n`}\`\`\`ts\n${code}\n\`\`\`\n`

/** One entry, with what it declares that none before it did. */
const section = (title, file, known) => {
  const text = read(file)
  const [, comment] = /^\/\*\*([\s\S]*?)@module/.exec(text) ?? []
  if (comment === undefined) throw new Failure(`${file} does not say what it is`)
  const all = exportsOf(file).map(one => ({ ...describe(one), name: one.name }))
  const fresh = all.filter(one => known.get(one.name) !== one.code)
  const again = all.filter(one => known.get(one.name) === one.code).map(one => `\`${one.name}\``)
  for (const one of fresh) known.set(one.name, one.code)
  const parts = groups.flatMap(group => {
    const items = fresh.filter(one => one.group === group)
    return items.length === 0 ? [] : [`### ${group} of ${title}\n`, ...items.map(item)]
  })
  const same = again.length === 0 ? [] : [`As above: ${again.join(', ')}.\n`]
  return [`## ${title}\n`, `${wordsOf(comment)}\n`, ...same, ...parts].join('\n')
}

/** The document, of the library in dist/lib. Throws a Failure where that is not built. */
export const apiDocument = () => {
  const known = new Map()
  const sections = Object.entries(entries).map(([title, name]) =>
    section(title, join(library, `${name}.d.ts`), known),
  )
  return `# What the library exports

Made from the comments in the sources by \`node scripts/generate-api-doc.mjs\`. To begin with, read [library.md](library.md).

${sections.join('\n')}`
}
