/**
 * Theory of operation. A runtime takes the first list of a folder, by the names of the files, and starts the plugins
 * that it names from another folder. To install is to put two files there. First all is looked at, and what is to be
 * done is data: steps, and obstacles in their way. The steps are carried out only when nothing is in the way: the
 * program first, so that no runtime finds a list without its plugin; and the other way round when they go.
 */

import { existsSync, lstatSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { SettingsTree } from '../../space/boot/tree.ts'
import { longestConfiguration } from '../configuration.ts'
import { conflistText, listIn, type NetworkRequest, requestIn } from './conflist.ts'
import { compareProgram, removeProgram, stageProgram } from './program.ts'

/** Where things go, below the root of the tree. */
export type Places = { binDir: string; confDir: string; file: string }

export type InstallStep = {
  action: 'make' | 'copy' | 'write' | 'remove'
  path: string
  /** Whether something is there that goes. */
  replaces: boolean
}

/** Why it is not done, or not all: somebody else's file, another list that runtimes take first, a name that is taken. */
export type Obstacle = { kind: 'taken' | 'not-first' | 'same-name' | 'in-use' | 'changed'; path: string }

export type InstallPlan = { steps: InstallStep[]; obstacles: Obstacle[] }

/** What runtimes read in the folder of lists. */
const isList = (name: string): boolean => /\.(conf|conflist|json)$/.test(name)

/** A folder by its real path, as far as it is there: what is below a link is looked at where it leads to. */
export const realFolder = (path: string): string => {
  if (existsSync(path)) return realpathSync(path)
  const above = dirname(path)
  return above === path ? path : join(realFolder(above), basename(path))
}

/**
 * What `install` has to do; without a request the program alone, for a list of somebody else that names it. Throws
 * NatspaceError FILE_UNSAFE, and what the file system says. Changes nothing.
 */
export const planInstall = (
  tree: SettingsTree,
  places: Places,
  request: NetworkRequest | undefined,
  source: string,
): InstallPlan => {
  const { binDir, confDir } = places
  const program = join(binDir, 'natspace')
  const folders = request === undefined ? [binDir] : [binDir, confDir]
  const steps: InstallStep[] = missingFolders(tree, folders).map(path => step('make', path))
  const obstacles: Obstacle[] = []
  const state = stateOfProgram(tree, program, source)
  if (state !== 'same') steps.push(step('copy', program, state !== 'missing'))
  if (state === 'other') obstacles.push({ kind: 'taken', path: program })
  if (request === undefined) return { steps, obstacles }
  const list = planList(tree, places, request)
  return { steps: [...steps, ...list.steps], obstacles: [...obstacles, ...list.obstacles] }
}

const planList = (tree: SettingsTree, { confDir, file }: Places, request: NetworkRequest): InstallPlan => {
  const list = join(confDir, file)
  const steps: InstallStep[] = []
  const obstacles: Obstacle[] = []
  const text = textOf(tree, list)
  if (text !== conflistText(request)) steps.push(step('write', list, text !== undefined))
  if (text !== undefined && requestIn(text) === undefined) obstacles.push({ kind: 'taken', path: list })
  for (const { name, network } of otherLists(tree, confDir, file)) {
    const path = join(confDir, name)
    if (network === request.name) obstacles.push({ kind: 'same-name', path })
    else if (name < file) obstacles.push({ kind: 'not-first', path })
  }
  return { steps, obstacles }
}

/** Carries out what `planInstall` found: all of it, or nothing when it throws what the file system says. */
export const install = (
  tree: SettingsTree,
  { steps }: InstallPlan,
  request: NetworkRequest | undefined,
  source: string,
): void => {
  try {
    for (const { action, path } of steps) if (action === 'make') tree.makeFolder(path)
    const copy = steps.find(({ action }) => action === 'copy')
    using program = copy === undefined ? undefined : stageProgram(source, tree.at(copy.path))
    program?.commit()
    const list = steps.find(({ action }) => action === 'write')
    try {
      if (list !== undefined && request !== undefined) tree.write(list.path, conflistText(request))
    } catch (error) {
      // A newer natspace in the place of an older one does no harm; a plugin that no list names would be left over.
      if (copy !== undefined && !copy.replaces) removeProgram(tree.at(copy.path))
      throw error
    }
  } catch (error) {
    tree.rollBack()
    throw error
  }
}

/** What `uninstall` has to do: what is ours to the byte goes, all else stays and is told. */
export const planUninstall = (
  tree: SettingsTree,
  { binDir, confDir }: Omit<Places, 'file'>,
  network: string,
  source: string,
): InstallPlan => {
  const program = join(binDir, 'natspace')
  const lists = otherLists(tree, confDir, undefined)
  const own = lists.filter(list => list.network === network && list.plugins.includes('natspace'))
  const mine = own.filter(({ text }) => requestIn(text) !== undefined)
  const steps = mine.map(({ name }) => step('remove', join(confDir, name)))
  const obstacles = own
    .filter(list => !mine.includes(list))
    .map(({ name }): Obstacle => ({ kind: 'changed', path: join(confDir, name) }))
  const state = stateOfProgram(tree, program, source)
  const user = lists.find(list => !mine.includes(list) && list.plugins.includes('natspace'))
  if (state === 'same' && user === undefined) steps.push(step('remove', program))
  else if (state === 'same') obstacles.push({ kind: 'in-use', path: program })
  else if (state !== 'missing') obstacles.push({ kind: 'changed', path: program })
  return { steps, obstacles }
}

/** Carries out what `planUninstall` found, or nothing when it throws what the file system says. */
export const uninstall = (tree: SettingsTree, { steps }: InstallPlan): void => {
  const [lists, programs] = [
    steps.filter(({ path }) => isList(path)),
    steps.filter(({ path }) => !isList(path)),
  ]
  try {
    for (const { path } of lists) tree.remove(path)
    for (const { path } of programs) removeProgram(tree.at(path))
  } catch (error) {
    tree.rollBack()
    throw error
  }
}

const step = (action: InstallStep['action'], path: string, replaces = false): InstallStep => ({
  action,
  path,
  replaces,
})

const stateOfProgram = (tree: SettingsTree, path: string, source: string) => {
  // Who may write to the folder is looked at; the file itself is too big to be read as a text.
  if (tree.look(dirname(path)).type !== 'folder') return 'missing'
  const status = lstatSync(tree.at(path), { throwIfNoEntry: false })
  if (status === undefined) return 'missing'
  return status.isFile() ? compareProgram(tree.at(path), source) : 'other'
}

/** The text of a file, or undefined where none is; what is no file has a text that nobody wrote. */
const textOf = (tree: SettingsTree, path: string): string | undefined => {
  const seen = tree.look(path)
  return seen.type === 'missing' ? undefined : seen.type === 'file' ? seen.text : ''
}

type OtherList = { name: string; text: string; network: string; plugins: unknown[] }

/** The lists of a folder that a runtime would read, but for one, in the order in which it does. */
const otherLists = (tree: SettingsTree, folder: string, file: string | undefined): OtherList[] =>
  tree.names(folder).flatMap(name => {
    if (!isList(name) || name === file) return []
    const path = tree.at(join(folder, name))
    // Where a link leads is read by a runtime too.
    const status = statSync(path, { throwIfNoEntry: false })
    if (!status?.isFile() || status.size > longestConfiguration) return []
    const text = readFileSync(path, 'utf8')
    const list = listIn(text)
    return list === undefined
      ? []
      : [{ name, text, network: list.name, plugins: list.plugins.map(({ type }) => type) }]
  })

/** Folders that are not there, and those above them, from the top. */
const missingFolders = (tree: SettingsTree, folders: readonly string[]): string[] => {
  const all = folders.flatMap(folder => {
    const parts = folder.split('/').filter(Boolean)
    return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
  })
  return [...new Set(all)].filter(path => tree.look(path).type === 'missing')
}
