/** docs/benchmarks.md: one section for each benchmark, each written by its own run. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const file = join(import.meta.dirname, '../../docs/benchmarks.md')

const head = `# Benchmarks

Written by the harness in \`bench/\`. Each section is replaced by \`npm run bench -- NAME --write\`, run on a machine with
nothing else to do. Ratios mean more than milliseconds: they change little from one machine to the next.
`

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

/** Writes a benchmark's section and returns the path of the document. */
export function writeSection(name: string, section: string): string {
  writeFileSync(file, withSection(existsSync(file) ? readFileSync(file, 'utf8') : head, name, section))
  return file
}

/** Writes the pictures of a report, by their paths beside the document. */
export function writeFiles(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(dirname(file), name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
}
