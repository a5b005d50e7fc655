/** Every command line of natspace that a document shows is one: the command exists, and has each option. */
import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** The help of each command, as docs/command.md has it (which a test beside its generator holds to the command). */
const helps = new Map(
  read('docs/command.md')
    .split(/^## natspace /m)
    .slice(1)
    .map(section => [section.slice(0, section.indexOf('\n')), section]),
)

/** Lines of a document's code in which natspace is started, without what stands before and behind it. */
const startsIn = (document: string): string[] => {
  const code = [...document.matchAll(/^( *)```(?:sh|text|)\n([\s\S]*?)^\1```|^ {4,}(.*(?:\\\n.*)*)$/gm)].map(
    ([, , block, line]) => block ?? line ?? '',
  )
  return code
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .flatMap(line => {
      const start =
        /^(?:\s*(?:\[natspace lab: \w+\] )?[$#] |\s*)(?:sudo )?(?:dist\/)?natspace ([a-z]+\b(?! is\b| failed\b).*)$/.exec(
          line,
        )
      return start?.[1] === undefined ? [] : [start[1].replace(/ +#.*| -- .*|[;|<>&)].*/, '')]
    })
}

/** What is wrong with it, or undefined. `lab run` and `cni install` are words of their commands. */
const fault = (line: string): string | undefined => {
  const [command = '', ...words] = line.split(/\s+/)
  if (command === 'help') return undefined
  const help = helps.get(command)
  if (help === undefined) return `natspace ${line}: no such command`
  const options = words.filter(word => /^--?[a-zA-Z]/.test(word)).map(word => word.replace(/=.*/, ''))
  const unknown = options.filter(
    option =>
      !new RegExp(`(?<![\\w-])${option}(?![\\w-])`).test(help) && !/^--(?:help|version)$/.test(option),
  )
  return unknown.length === 0 ? undefined : `natspace ${line}: no ${unknown.join(', ')}`
}

test('what is none is noticed', () => {
  expect(startsIn('    sudo natspace up web -p 80:80   # comment\n')).toEqual(['up web -p 80:80'])
  expect(startsIn('```sh\nnatspace exec web -- ls --all\n```\n')).toEqual(['exec web'])
  expect(fault('upp web')).toContain('no such command')
  expect(fault('up web --publishing 80')).toContain('no --publishing')
  expect(fault('up web --publish 80')).toBeUndefined()
})

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs')).map(name => `docs/${name}`),
]

test('every command line that documents show has a command and options that exist', () => {
  const shown = documents
    .filter(file => file.endsWith('.md') && file !== 'docs/command.md')
    .flatMap(file => startsIn(read(file)).map(line => ({ file, line })))
  expect(shown.length).toBeGreaterThan(100)
  expect(shown.flatMap(({ file, line }) => fault(line)?.replace(/^/, `${file}: `) ?? [])).toEqual([])
})
