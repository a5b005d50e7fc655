import { execWord } from '../boot/exec-word.ts'
import { firewallUnits } from '../boot/units.ts'
import type { Operation } from '../reconcile/operation.ts'
import { type StepName, stepOf } from '../steps.ts'
import { shellOf } from '../text/shell.ts'
import { isOwnTable, nftFile } from './nft-file.ts'
import { type ExportPlan, tableOf } from './plan.ts'
import { shellWords } from './shell-words.ts'
import type { Export } from './types.ts'

/**
 * Theory of operation. The operations of a plan as lines of a unit: each command by itself, so that systemctl status and
 * the journal name the one that failed. The table is a file for nft that replaces itself, and so can be loaded again when
 * a firewall has flushed it; a second unit does that, as for natspace enable. Stopping runs what undoes each operation,
 * last first.
 */
export const systemdExport = (plan: ExportPlan): Export => {
  const { owner, spaces, operations } = plan
  const rules = nftFile(plan)
  const rulesFile = rules.path
  const names = spaces.map(space => space.name).join(', ')
  const firewalls = firewallUnits.join(' ')
  return {
    files: [
      rules,
      {
        path: `/etc/systemd/system/${owner}.service`,
        text: lines(
          '[Unit]',
          `Description=Network namespaces behind NAT: ${names}`,
          'Wants=network-online.target',
          `After=network-online.target ${firewalls}`,
          `ReloadPropagatedFrom=${firewalls}`,
          '',
          '[Service]',
          'Type=oneshot',
          'RemainAfterExit=yes',
          ...startLines(operations, owner, rulesFile),
          '',
          `ExecReload=nft -f ${rulesFile}`,
          '',
          '# The way back: what is gone already is no failure.',
          ...stopLines(operations, owner),
          '',
          '[Install]',
          'WantedBy=multi-user.target',
        ),
      },
      {
        path: `/etc/systemd/system/${owner}-rules.service`,
        text: lines(
          '# Loads the rules again when a firewall that may have flushed them has started again.',
          '[Unit]',
          `Description=Rules of the network namespaces ${names}`,
          `Requisite=${owner}.service`,
          `After=${owner}.service ${firewalls}`,
          `PartOf=${firewalls}`,
          '',
          '[Service]',
          'Type=oneshot',
          'RemainAfterExit=yes',
          `ExecStart=nft -f ${rulesFile}`,
          '',
          '[Install]',
          `WantedBy=${firewalls}`,
        ),
      },
    ],
    notes: [
      `Enable it with systemctl enable --now ${owner}.service ${owner}-rules.service, after natspace down of the same spaces.`,
      'The rules and settings are those for this host as it is now: natspace itself looks again each time.',
    ],
  }
}

const lines = (...texts: readonly string[]): string => `${texts.join('\n')}\n`

const startLines = (operations: readonly Operation[], owner: string, rulesFile: string): string[] => {
  const texts: string[] = []
  let step: StepName | 'firewall' | undefined
  for (const operation of operations) {
    if (isOwnTable(operation.change, owner)) {
      if (step === 'firewall') continue
      texts.push(
        '',
        '# The firewall: guard, translation, published ports, and what may pass.',
        `ExecStart=nft -f ${rulesFile}`,
      )
      step = 'firewall'
      continue
    }
    if (step !== operation.step) texts.push('', ...heading(operation.step))
    step = operation.step
    texts.push(...shellOf(operation.change).map(command => `ExecStart=${commandLine(command)}`))
  }
  return texts
}

const heading = (step: StepName): string[] => {
  const { number, title, why } = stepOf(step)
  return [`# ${number === undefined ? '' : `Step ${number}: `}${title}`, `# ${why}`]
}

const stopLines = (operations: readonly Operation[], owner: string): string[] => {
  const isElement = ({ change }: Operation) => isOwnTable(change, owner)
  const undo = operations
    .toReversed()
    .flatMap(operation => (isElement(operation) ? [] : operation.undo.flatMap(shellOf)))
  return [...undo, `nft delete table inet ${tableOf(owner)}`].map(
    command => `ExecStop=-${commandLine(command)}`,
  )
}

/** A command of the shell as systemd runs it: without one where that is possible. */
const commandLine = (command: string): string => {
  const words = shellWords(command) ?? ['/bin/sh', '-c', command]
  return words.map((word, index) => execWord(word, index > 0)).join(' ')
}
