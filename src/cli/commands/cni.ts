import { recordsOf } from '../../cni/attachment.ts'
import { conflistOf, conflistText } from '../../cni/install/conflist.ts'
import {
  type InstallPlan,
  install,
  planInstall,
  planUninstall,
  uninstall,
} from '../../cni/install/install.ts'
import { ownCommand } from '../../lab/start.ts'
import { SettingsTree } from '../../space/boot/tree.ts'
import { quote } from '../../space/spec/quote.ts'
import { suggest } from '../../space/spec/suggest.ts'
import { attachedError, obstacleError, obstacleFinding } from '../cni/obstacles.ts'
import { installReport } from '../cni/report.ts'
import {
  type CniInput,
  listOptions,
  nameOf,
  options,
  placesOf,
  refuseOptions,
  requestOf,
} from '../cni/request.ts'
import { defineCommand } from '../command.ts'
import { openContext } from '../context.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { usageError } from '../options.ts'
import type { Finding } from '../output.ts'

const actions = ['install', 'uninstall', 'conflist'] as const

const run = async (input: CniInput): Promise<number> => {
  switch (actionOf(input.positionals)) {
    case 'install':
      return await runInstall(input)
    case 'uninstall':
      return await runUninstall(input)
    case 'conflist':
      return printList(input)
  }
}

const actionOf = ([word, extra]: readonly string[]): (typeof actions)[number] => {
  const usage = [`natspace cni ${actions.join('|')}`]
  if (word === undefined)
    throw usageError('MISSING_ARGUMENT', 'Cannot run natspace cni', 'what to do is missing', usage)
  const action = actions.find(known => known === word)
  if (action !== undefined && extra === undefined) return action
  const near = suggest(extra ?? word, actions)
  throw usageError(
    'UNEXPECTED_ARGUMENT',
    `Cannot use the argument ${quote(extra ?? word)}`,
    near === undefined || extra !== undefined ? 'it is nothing to do' : `did you mean ${near}?`,
    usage,
  )
}

/**
 * This executable, by a path that leads to it even when another one is in its place by now. Throws NatspaceError NO_PROGRAM
 * where natspace is run by a runtime of its own.
 */
const ownProgram = (): string => {
  const [, script] = ownCommand(process.execPath, process.argv[1])
  if (script === undefined) return '/proc/self/exe'
  throw usageError(
    'NO_PROGRAM',
    'Cannot install natspace as a plugin',
    `it is a script here (${script}), and a container runtime starts one executable file`,
    ['use the executable natspace: npm run build makes dist/natspace'],
  )
}

const printList = ({ options: given, output }: CniInput): number => {
  const request = requestOf(given)
  if (output.json) output.object('cni', { action: 'conflist', conflist: conflistOf(request) })
  else output.lines(conflistText(request).trimEnd().split('\n'))
  return 0
}

const runInstall = async (input: CniInput): Promise<number> => {
  const { options: given, output } = input
  if (given.programOnly)
    refuseOptions(given, listOptions, '--program-only', 'there is no list to write it to')
  const request = given.programOnly ? undefined : requestOf(given)
  const places = placesOf(given)
  const source = ownProgram()
  const tree = new SettingsTree('/')
  endOnSignals()
  const plan = planInstall(tree, places, request, source)
  const findings = heeded(plan, given.force)
  if (!given.dryRun) install(tree, plan, request, source)
  installReport(output, {
    action: 'install',
    dryRun: given.dryRun === true,
    network: request?.name ?? null,
    steps: plan.steps,
    findings,
  })
  await heedSignals()
  return 0
}

/** Throws for what is in the way, unless it is forced: then it is told. */
const heeded = ({ obstacles }: InstallPlan, force: boolean | undefined): Finding[] => {
  const [first, ...others] = obstacles
  if (first === undefined) return []
  if (!force) throw obstacleError(first, others)
  return obstacles.map(obstacleFinding)
}

const runUninstall = async (input: CniInput): Promise<number> => {
  const { options: given, output, environment } = input
  refuseOptions(
    given,
    [...listOptions, 'programOnly'],
    'uninstall',
    'what goes is known by its name and its bytes',
  )
  const network = nameOf(given)
  const attached = attachedContainers(environment, network)
  if (attached.length > 0 && !given.force) throw attachedError(network, attached)
  const tree = new SettingsTree('/')
  endOnSignals()
  const plan = planUninstall(tree, placesOf(given), network, ownProgram())
  if (!given.dryRun) uninstall(tree, plan)
  installReport(output, {
    action: 'uninstall',
    dryRun: given.dryRun === true,
    network,
    steps: plan.steps,
    findings: plan.obstacles.map(obstacleFinding),
  })
  await heedSignals()
  return 0
}

/** Spaces of containers that run; whoever may not read the records removes nothing either. */
const attachedContainers = (environment: CniInput['environment'], network: string): string[] => {
  if (process.geteuid?.() !== 0) return []
  const context = openContext(environment)
  using _kernel = context.kernel
  return recordsOf(context, network).map(({ space }) => space.name)
}

export const cniCommand = defineCommand({
  name: 'cni',
  summary: 'make natspace the network of a container runtime on this host',
  usage: [
    'install [--name NAME] [--subnet CIDR]... [OPTION]...',
    'uninstall [--name NAME] [OPTION]...',
    'conflist [--name NAME] [--subnet CIDR]... [OPTION]...',
  ],
  about: [
    'containerd, CRI-O, Podman and Nomad, and so Kubernetes, start plugins for the networks of containers (CNI). install copies this executable to where they look for plugins, writes the list that names it, and prints all that it did. Both files come to be whole or not at all; what is so already is left alone. conflist only prints the list.',
    'Runtimes take the first list of the folder, by the names of the files. install refuses where another one comes before, where another has the same name, and where a file of somebody else is in its place; --force does it all the same.',
    'uninstall takes both away again, if they are to the byte what natspace wrote, and the program only when no other list needs it. It refuses while containers are attached, as nobody could take away what is theirs then.',
    'Without arguments, and with CNI_COMMAND in the environment, natspace is the plugin itself. The manual is docs/cni.md.',
  ],
  options,
  completes: actions,
  examples: [
    { command: 'natspace cni install', does: 'the network natspace, with addresses that natspace chooses' },
    { command: 'natspace cni install --subnet 10.88.0.0/16 --dry-run', does: 'see what would be done' },
    {
      command: 'natspace cni conflist --subnet 10.88.0.0/16',
      does: 'the list alone, to be put where it is needed',
    },
    { command: 'natspace cni uninstall', does: 'take it away again' },
  ],
  run,
})
