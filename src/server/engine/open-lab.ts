import { settleInside } from '../../lab/inside.ts'
import type { Origin } from '../../lab/start.ts'
import { LinuxKernel } from '../../linux/linux.ts'
import { type StatePaths, statePaths } from '../../space/state/records.ts'
import { Lab } from './lab/lab.ts'

/** Where the lab keeps its state: in a /run of its own. */
const root = '/run/natspace'

/**
 * Builds the lab in the namespaces of this process, with the article's space up; `origin` is where it was started from, to
 * prove that they are new. Throws NatspaceError LAB_NOT_INSIDE before anything is changed, LAB_FAILED.
 */
export const openLab = async (origin: Origin): Promise<{ lab: Lab; paths: StatePaths }> => {
  using kernel = new LinuxKernel()
  settleInside(kernel, origin)
  const paths = statePaths(root)
  const lab = Lab.build(kernel)
  await lab.begin({ kernel, paths })
  return { lab, paths }
}
