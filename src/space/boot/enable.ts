import { NatspaceError } from '../errors.ts'
import { quote } from '../spec/quote.ts'
import type { SettingsTree, TreeChange } from './tree.ts'
import {
  fileMark,
  firewallUnits,
  instanceOf,
  madeFoldersOf,
  rulesUnit,
  spacesUnit,
  unitNames,
  watchUnit,
} from './units.ts'

/** Where specs are kept over a reboot. */
export const specFolder = '/etc/natspace'
const unitFolder = '/etc/systemd/system'
const bootFolder = `${unitFolder}/multi-user.target.wants`
const firewallFolders = firewallUnits.map(unit => `${unitFolder}/${unit}.wants`)

/** The file in which the spaces of an instance are kept. */
export const specFileOf = (name: string): string => `${specFolder}/${name}.yaml`

export type EnableRequest = {
  /** The instance: of one space, or of a file of several. */
  name: string
  /** The text of the spec file; undefined where it stands in its place already, written by somebody else. */
  specText: string | undefined
  /** What starts natspace, for the units. */
  command: readonly string[]
  watch: boolean
}

/** What was changed, in order; [] when all was so already. */
export type BootResult = { changes: TreeChange[] }

type Link = { path: string; target: string }

/** The links that `systemctl enable` makes from the [Install] sections. */
const linksOf = (name: string): Link[] => [
  link(bootFolder, instanceOf(unitNames.spaces, name), unitNames.spaces),
  ...firewallFolders.map(folder => link(folder, instanceOf(unitNames.rules, name), unitNames.rules)),
]

const link = (folder: string, name: string, unit: string): Link => ({
  path: `${folder}/${name}`,
  target: `${unitFolder}/${unit}`,
})

const watchLink = link(bootFolder, unitNames.watch, unitNames.watch)

/**
 * Writes the spec file and the units of an instance and links them into the boot, or changes nothing and throws
 * NatspaceError FILE_TAKEN, FILE_UNSAFE, or what the file system says. Equivalent to: `systemctl enable natspace@NAME`
 */
export const enable = (tree: SettingsTree, request: EnableRequest): BootResult =>
  allOrNothing(tree, () => {
    const { name, specText, command, watch } = request
    const links = [...linksOf(name), ...(watch ? [watchLink] : [])]
    const units = [unitNames.spaces, unitNames.rules, ...(watch ? [unitNames.watch] : [])]
    const earlier = units.map(unit => ourFile(tree, `${unitFolder}/${unit}`))
    const spec = specText === undefined ? undefined : ourFile(tree, specFileOf(name))
    for (const { path, target } of links) checkLink(tree, path, target)

    const folders = [unitFolder, specFolder, bootFolder, ...firewallFolders]
    const missing = missingFolders(tree, folders)
    const madeFolders = [...new Set([...earlier.flatMap(text => madeFoldersOf(text ?? '')), ...missing])]
    const texts = {
      [unitNames.spaces]: spacesUnit({ command, madeFolders }),
      [unitNames.rules]: rulesUnit({ command, madeFolders: [] }),
      [unitNames.watch]: watchUnit({ command, madeFolders: [] }),
    }
    // The unit that says which folders were made comes first, so that they are known whatever happens.
    tree.makeFolder(unitFolder)
    for (const [index, unit] of units.entries())
      if (texts[unit] !== earlier[index]) tree.write(`${unitFolder}/${unit}`, texts[unit])
    for (const folder of folders) tree.makeFolder(folder)
    if (specText !== undefined && specText !== spec) tree.write(specFileOf(name), specText)
    for (const { path, target } of links) if (tree.look(path).type === 'missing') tree.link(path, target)
  })

/**
 * Takes back what enable did for an instance; with the last one the units go, and the folders that were made for them.
 * Files without our mark stay. Throws as enable does.
 */
export const disable = (tree: SettingsTree, name: string): BootResult =>
  allOrNothing(tree, () => {
    for (const { path, target } of linksOf(name)) if (isLink(tree, path, target)) tree.remove(path)
    const spec = tree.look(specFileOf(name))
    if (spec.type === 'file' && isMarked(spec.text)) tree.remove(specFileOf(name))
    if (enabledNames(tree).length > 0) return
    const made = tree.look(`${unitFolder}/${unitNames.spaces}`)
    const folders = made.type === 'file' ? madeFoldersOf(made.text) : []
    if (isLink(tree, watchLink.path, watchLink.target)) tree.remove(watchLink.path)
    for (const unit of [unitNames.watch, unitNames.rules]) removeUnit(tree, unit)
    // Only those that natspace itself could have made: the text of a unit may have been edited.
    const above = ['/etc', '/etc/systemd', unitFolder]
    const ours = new Set([specFolder, bootFolder, ...firewallFolders])
    for (const folder of folders.toReversed()) if (ours.has(folder)) tree.removeFolder(folder)
    removeUnit(tree, unitNames.spaces)
    for (const folder of folders.toReversed()) if (above.includes(folder)) tree.removeFolder(folder)
  })

const removeUnit = (tree: SettingsTree, unit: string): void => {
  const path = `${unitFolder}/${unit}`
  const file = tree.look(path)
  if (file.type === 'file' && isMarked(file.text)) tree.remove(path)
}

/** Those of these folders, and of the ones above them, that are not there; from the top. */
const missingFolders = (tree: SettingsTree, folders: readonly string[]): string[] => {
  const all = folders.flatMap(folder => {
    const parts = folder.split('/').slice(1)
    return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
  })
  return [...new Set(all)].filter(path => tree.look(path).type === 'missing')
}

/** The instances that are linked into the boot. */
export const enabledNames = (tree: SettingsTree): string[] =>
  tree.names(bootFolder).flatMap(name => /^natspace@(.+)\.service$/.exec(name)?.[1] ?? [])

/** Whether the watch is linked into the boot. */
export const isWatchEnabled = (tree: SettingsTree): boolean => isLink(tree, watchLink.path, watchLink.target)

/** Whether natspace enable wrote it. */
export const isMarked = (text: string): boolean => text.startsWith(`${fileMark}\n`)

/** The text of a file that is ours, or undefined when there is none. Throws NatspaceError FILE_TAKEN. */
const ourFile = (tree: SettingsTree, path: string): string | undefined => {
  const seen = tree.look(path)
  if (seen.type === 'missing') return undefined
  if (seen.type === 'file' && isMarked(seen.text)) return seen.text
  throw taken(tree.at(path), seen.type === 'file' ? undefined : `it is a ${seen.type}`)
}

const isLink = (tree: SettingsTree, path: string, target: string): boolean => {
  const seen = tree.look(path)
  return seen.type === 'link' && seen.target === target
}

const checkLink = (tree: SettingsTree, path: string, target: string): void => {
  const seen = tree.look(path)
  if (seen.type === 'missing' || isLink(tree, path, target)) return
  throw taken(
    tree.at(path),
    seen.type === 'link' ? `it leads to ${quote(seen.target)}` : `it is a ${seen.type}`,
  )
}

const taken = (place: string, found: string | undefined): NatspaceError =>
  new NatspaceError({
    code: 'FILE_TAKEN',
    exit: 1,
    what: `cannot write ${quote(place)}`,
    why: 'something is there already, and natspace did not write it',
    evidence: [found ?? 'its first line is not that of a file of natspace enable'],
    fix: place.endsWith('.yaml')
      ? [`use it as it is: natspace enable -f ${place}`, 'or choose another name with --name']
      : ['look at it, and if nothing needs it, move it away'],
  })

const allOrNothing = (tree: SettingsTree, work: () => void): BootResult => {
  try {
    work()
    return { changes: [...tree.changes] }
  } catch (cause) {
    const problems = tree.rollBack()
    if (problems.length === 0) throw cause
    throw new NatspaceError({
      code: 'ROLLBACK_FAILED',
      exit: 1,
      what: 'cannot change what happens at boot',
      why: `${(cause as Error).message}; and not everything could be taken back`,
      evidence: problems.map(problem => `left behind: ${problem}`),
      cause,
    })
  }
}
