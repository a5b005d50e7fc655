/** What a package has beside the executable, written below a folder: `bun scripts/release-files.ts FOLDER YYYY-MM-DD PREFIX`. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bashScript } from '../src/cli/completion/bash.ts'
import { commandFacts } from '../src/cli/completion/facts.ts'
import { fishScript } from '../src/cli/completion/fish.ts'
import { zshScript } from '../src/cli/completion/zsh.ts'
import { manualPages } from '../src/cli/manual.ts'
import { loadCommands } from '../src/cli/registry.ts'
import { fileMark, rulesUnit, spacesUnit, unitNames, watchUnit } from '../src/space/boot/units.ts'
import { version } from '../src/version.ts'

const [folder, date, prefix] = process.argv.slice(2)
if (folder === undefined || date === undefined || prefix === undefined)
  throw new Error('usage: release-files.ts FOLDER YYYY-MM-DD PREFIX')

const write = (name: string, text: string): void => {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

for (const { file, text } of await manualPages(version, date)) write(`share/man/man1/${file}`, text)
const facts = (await loadCommands()).map(commandFacts)
const script = (lines: readonly string[]): string => `${lines.join('\n')}\n`
write('share/bash-completion/completions/natspace', script(bashScript(facts)))
// Where zsh looks by itself: for packages of a distribution, and for what the administrator has put there.
const zshFolder = prefix === '/usr' ? 'vendor-completions' : 'site-functions'
write(`share/zsh/${zshFolder}/_natspace`, script(zshScript(facts)))
write('share/fish/vendor_completions.d/natspace.fish', script(fishScript(facts)))

/** Without the line by which natspace disable knows what natspace enable has written. */
const packaged = (unit: string): string => unit.replace(`${fileMark}\n`, '# Part of the package natspace.\n')

const source = { command: [`${prefix}/bin/natspace`], madeFolders: [] }
write(`lib/systemd/system/${unitNames.spaces}`, packaged(spacesUnit(source)))
write(`lib/systemd/system/${unitNames.rules}`, packaged(rulesUnit(source)))
write(`lib/systemd/system/${unitNames.watch}`, packaged(watchUnit(source)))
