/** Every document leads where it says: files, headings and pictures that it links to are there, and no document is hidden. */
import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

const root = join(import.meta.dirname, '..')
const skipped = new Set(['node_modules', 'dist', 'build', '.git'])

const documentsBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : documentsBelow(path)
    return entry.name.endsWith('.md') ? [path] : []
  })

const documents = documentsBelow('.')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

const withoutBlocks = (text: string): string => text.replaceAll(/^( *)(```|~~~)[\s\S]*?^\1\2/gm, '')
const withoutCode = (text: string): string => withoutBlocks(text).replaceAll(/`[^`\n]*`/g, '')

/** Where a document leads to: links and pictures of Markdown, and of HTML in it. */
const linksOf = (text: string): string[] =>
  [
    ...withoutCode(text).matchAll(
      /\]\(([^()\s]+)(?:\s"[^"]*")?\)|<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)="([^"]+)"/g,
    ),
  ].map(([, markdown, html]) => markdown ?? html ?? '')

/** The anchors of headings as GitHub names them: in lower case, without punctuation, a second one of the same name numbered. */
const anchorsOf = (text: string): Set<string> => {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutBlocks(text).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
    const name = words.replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-')
    let anchor = name
    for (let number = 1; anchors.has(anchor); number += 1) anchor = `${name}-${number}`
    anchors.add(anchor)
  }
  return anchors
}

/** What is wrong with a link of a file, or undefined. Only links within the checkout are looked at. */
const fault = (file: string, link: string): string | undefined => {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined
  const [path = '', anchor] = link.split('#')
  const target = path === '' ? file : normalize(join(dirname(file), path))
  if (target.startsWith('..') || !existsSync(join(root, target))) return `${link}: no such file`
  if (anchor === undefined) return undefined
  if (!target.endsWith('.md')) return `${link}: only documents have headings`
  return anchorsOf(read(target)).has(anchor) ? undefined : `${link}: no such heading`
}

describe('the test itself', () => {
  test('finds links, and none in code', () => {
    expect(
      linksOf('[a](b.md#c) ![d](e.png "f") `[g](h)` <img src="i.svg" alt="">\n```\n[j](k)\n```\n'),
    ).toEqual(['b.md#c', 'e.png', 'i.svg'])
  })

  test('names headings as GitHub does', () => {
    expect([...anchorsOf('# Up, `cold`\n## A [b](c) — d\n## A [b](c) — d\n```\n# no\n```\n')]).toEqual([
      'up-cold',
      'a-b--d',
      'a-b--d-1',
    ])
  })

  test('notices what is not there', () => {
    expect(fault('docs/README.md', 'missing.md')).toContain('no such file')
    expect(fault('docs/README.md', 'architecture.md#missing')).toContain('no such heading')
    expect(fault('docs/README.md', '../../outside')).toContain('no such file')
    expect(fault('README.md', 'docs/architecture.md#failure')).toBeUndefined()
  })
})

for (const file of documents)
  test(`${file} leads to what is there`, () => {
    expect(linksOf(read(file)).flatMap(link => fault(file, link) ?? [])).toEqual([])
  })

test('files of the checkout that documents name in passing are there', () => {
  const named = documents.flatMap(file =>
    [
      ...withoutBlocks(read(file)).matchAll(/`((?:src|test|scripts|bench|ui|docs)\/[\w./-]+)(?: › [^`]+)?`/g),
    ].map(([, path = '']) => ({ file, path: path.replace(/\.$/, '') })),
  )
  expect(named.length).toBeGreaterThan(50)
  expect(named.filter(({ file, path }) => file !== 'CHANGELOG.md' && !existsSync(join(root, path)))).toEqual(
    [],
  )
})

test('docs/README.md leads to every document and folder of docs', () => {
  const linked = new Set(linksOf(read('docs/README.md')).map(link => normalize(join('docs', link))))
  const there = readdirSync(join(root, 'docs'))
    .map(name => join('docs', name))
    .filter(path => path !== 'docs/README.md' && path !== 'docs/images')
    .map(path => (statSync(join(root, path)).isDirectory() ? `${path}/` : path))
  const isLinked = (path: string): boolean =>
    linked.has(path) || linked.has(path.replace(/\/$/, '')) || [...linked].some(link => link.startsWith(path))
  expect(there.filter(path => !isLinked(path)).map(path => relative('docs', path))).toEqual([])
})
