import { SystemError } from '../../linux/sys/errno.ts'
import type { Observation } from '../reconcile/observation.ts'

/**
 * A file of somebody else's firewall, which only root may read; undefined when it is missing or may not be read, as then
 * nothing of that firewall can be changed by us either.
 */
export const readableFile = (seen: Observation, path: string): string | undefined => {
  try {
    return seen.file(path)
  } catch (error) {
    if (error instanceof SystemError) return undefined
    throw error
  }
}

/** The texts of the files in a folder, as far as they can be read. */
export const readableFiles = (seen: Observation, folder: string): string[] => {
  let names: readonly string[] = []
  try {
    names = seen.folder(folder) ?? []
  } catch (error) {
    // As above: what may not be read may not be changed.
    if (!(error instanceof SystemError)) throw error
  }
  return names.flatMap(name => readableFile(seen, `${folder}/${name}`) ?? [])
}
