/** What is in the way of `natspace cni install` and `uninstall`, in words. */

import type { Obstacle } from '../../cni/install/install.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import type { Finding } from '../output.ts'

type Words = { code: string; title: string; why: string; fix: string[] }

const words = ({ kind, path }: Obstacle): Words => {
  const name = quote(path)
  switch (kind) {
    case 'taken':
      return {
        code: 'CNI_FILE_TAKEN',
        title: `${name} is there already`,
        why: 'natspace did not write it, or somebody has changed it since',
        fix: [`look at it: ls -l ${path}`, 'if nothing needs it, natspace cni install --force replaces it'],
      }
    case 'not-first':
      return {
        code: 'CNI_NOT_FIRST',
        title: `runtimes would take ${name}`,
        why: 'containerd and Kubernetes take the first list of the folder, by the names of the files',
        fix: [
          `move it away if nothing needs it: mv ${path} ${path}.off`,
          'or give natspace an earlier name, such as --file 00-natspace.conflist',
          'Podman and Nomad take a network by its name: --force is enough for them',
        ],
      }
    case 'same-name':
      return {
        code: 'CNI_NAME_TAKEN',
        title: `${name} has a network of the same name`,
        why: 'which of both a runtime means could not be told',
        fix: [
          'choose another name with --name',
          `or move it away if nothing needs it: mv ${path} ${path}.off`,
        ],
      }
    case 'in-use':
      return {
        code: 'CNI_KEPT',
        title: `${name} is kept`,
        why: 'another list in the folder needs it',
        fix: [],
      }
    case 'changed':
      return {
        code: 'CNI_KEPT',
        title: `${name} is kept`,
        why: 'it is not to the byte what this natspace wrote',
        fix: [`if nothing needs it: rm ${path}`],
      }
  }
}

/** The first obstacle as a failure; the others are seen as well. */
export const obstacleError = (first: Obstacle, others: readonly Obstacle[]): NatspaceError => {
  const { code, title, why, fix } = words(first)
  return new NatspaceError({
    code,
    exit: 1,
    what: `Cannot install: ${title}`,
    why,
    evidence: others.map(obstacle => words(obstacle).title),
    fix,
  })
}

/** An obstacle that was passed over, or what is kept. */
export const obstacleFinding = (obstacle: Obstacle): Finding => {
  const { code, title, why, fix } = words(obstacle)
  const severity = code === 'CNI_KEPT' ? 'notice' : 'warning'
  return { code, severity, title, evidence: [], why, fix: { commands: fix, undo: [] }, hides: [] }
}

/** Containers would keep what nobody could take away. */
export const attachedError = (network: string, spaces: readonly string[]): NatspaceError =>
  new NatspaceError({
    code: 'CNI_ATTACHED',
    exit: 1,
    what: `Cannot uninstall ${network}`,
    why: `${spaces.length === 1 ? 'a container is' : `${spaces.length} containers are`} attached, and its runtime needs the plugin to take that away`,
    evidence: spaces.slice(0, 5).map(space => `space ${space}`),
    fix: ['stop the containers first', 'or natspace cni uninstall --force, and natspace down for each space'],
  })
