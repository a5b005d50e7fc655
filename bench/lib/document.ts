/** Documents below docs/ with sections that the harness writes, between what is written by hand. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asMarkdown, type Report } from './report.ts'

const docs = join(import.meta.dirname, '../../docs')
const usual = 'benchmarks.md'

/** What a document begins with that is not there yet. */
const headOf = (name: string): string => {
  const title = name.replace(/\.md$/, '').replace(/^./, letter => letter.toUpperCase())
  return `# ${title}\n\nThe sections between comments are written by \`npm run bench -- NAME --write\`.\n`
}

const begin = (name: string): string => `<!-- begin ${name} -->`
const end = (name: string): string => `<!-- end ${name} -->`

/** The document with this section in the place of the one of the same name, or at the end. Pure. */
export function withSection(document: string, name: string, section: string): string {
  const whole = `${begin(name)}\n${section}\n${end(name)}\n`
  const from = document.indexOf(begin(name))
  const to = document.indexOf(end(name))
  if (from < 0 || to < from) return `${document.trimEnd()}\n\n${whole}`
  return `${document.slice(0, from)}${whole}${document.slice(to + end(name).length + 1)}`
}

/** Writes a benchmark's section into its document below a folder, by default docs/, and its pictures beside it. */
export function writeReport(report: Report, folder = docs): void {
  const { name, document = usual, files = {} } = report
  const file = join(folder, document)
  const before = existsSync(file) ? readFileSync(file, 'utf8') : headOf(document)
  writeFileSync(file, withSection(before, name, asMarkdown(report)))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}
