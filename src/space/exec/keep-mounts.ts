import { Descriptor, openFlags } from '../../linux/sys/descriptor.ts'
import { SystemError } from '../../linux/sys/errno.ts'
import { readSmallFile } from '../../linux/sys/files.ts'
import { bindMount } from '../../linux/sys/namespace.ts'

/** Mounts something over a folder, and shows what is mounted below it (cgroups on /sys…) below the new one as well. */
export const mountKeepingBelow = (folder: string, mount: () => void): void => {
  const below = mountsBelow(readSmallFile('/proc/thread-self/mountinfo'), folder)
  const kept = below.flatMap(path => {
    const descriptor = openPath(path)
    return descriptor === undefined ? [] : [{ path, descriptor }]
  })
  try {
    mount()
    for (const { path, descriptor } of kept) keep(path, descriptor.number)
  } finally {
    for (const { descriptor } of kept) descriptor.close()
  }
}

const openPath = (path: string): Descriptor | undefined => {
  try {
    return Descriptor.open(path, openFlags.path)
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    // Hidden by a later mount, or gone: nothing to keep.
    return undefined
  }
}

const keep = (path: string, descriptor: number): void => {
  try {
    // A mount that came from another user namespace can only be bound with all that hides something below it.
    bindMount(`/proc/thread-self/fd/${descriptor}`, path, 'with-below')
  } catch {
    // The new mount may lack the folder, or the old be locked: the program does without, as under `ip netns exec`.
  }
}

/** The outermost mount points below a folder (proc_pid_mountinfo(5), field 5; blanks are written as \040). */
export const mountsBelow = (mountinfo: string, folder: string): string[] => {
  const points = mountinfo
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .map(point =>
      point.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
    )
  const below = [...new Set(points.filter(point => point.startsWith(`${folder}/`)))]
  return below.filter(point => !below.some(outer => point.startsWith(`${outer}/`)))
}
