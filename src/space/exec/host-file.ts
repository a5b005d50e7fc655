import { readSmallFile } from '../../linux/sys/files.ts'

/** The text of a file of this host; undefined where it is not there, or a link that leads nowhere. */
export const hostFile = (path: string): string | undefined => {
  try {
    return readSmallFile(path)
  } catch {
    // What is asked of it has other sources.
    return undefined
  }
}
