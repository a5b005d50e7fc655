import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { recordsOf } from '../../cni/attachment.ts'
import { isCniName } from '../../cni/environment.ts'
import { CniError } from '../../cni/error.ts'
import { checkRequest, conflistOf, conflistText, type NetworkRequest } from '../../cni/install/conflist.ts'
import {
  type InstallPlan,
  install,
  planInstall,
  planUninstall,
  realFolder,
  uninstall,
} from '../../cni/install/install.ts'
import { ownCommand } from '../../lab/start.ts'
import { SettingsTree } from '../../space/boot/tree.ts'
import { quote } from '../../space/spec/quote.ts'
import { suggest } from '../../space/spec/suggest.ts'
import { attachedError, obstacleError, obstacleFinding } from '../cni/obstacles.ts'
import { installReport } from '../cni/report.ts'
import { defineCommand, type Input } from '../command.ts'
import { openContext } from '../context.ts'
import { endOnSignals, heedSignals } from '../interrupt.ts'
import { type Options, optionName, usageError } from '../options.ts'
import type { Finding } from '../output.ts'

const networkOptions = {
  subnet: {
    kind: 'list',
    placeholder: 'CIDR',
    help: 'where addresses come from; again for more, and for IPv6 (default: natspace chooses a network for each container)',
  },
  noMasquerade: {
    kind: 'list',
    placeholder: 'CIDR',
    help: 'a network that sees the containers’ own addresses: the other nodes of a cluster',
  },
  accept: {
    kind: 'list',
    placeholder: 'CIDR',
    help: 'a network that may begin connections to containers (default: those of --no-masquerade)',
  },
  host: {
    kind: 'value',
    placeholder: 'WHAT',
    values: ['all', 'dns', 'none'],
    help: 'what of this host the containers reach: all, its resolver and ping (dns, the default), none',
  },
  isolated: { kind: 'flag', help: 'containers of the network do not reach each other' },
  mtu: { kind: 'value', placeholder: 'BYTES', help: 'largest packet (default: that of the uplink)' },
  fixFirewall: { kind: 'flag', help: 'have a firewall of others let the containers through' },
} as const satisfies Options

const options = {
  name: { kind: 'value', placeholder: 'NAME', help: 'name of the network (default: natspace)' },
  ...networkOptions,
  binDir: {
    kind: 'value',
    placeholder: 'DIR',
    completes: 'file',
    help: 'where runtimes look for plugins (default: /opt/cni/bin)',
  },
  confDir: {
    kind: 'value',
    placeholder: 'DIR',
    completes: 'file',
    help: 'where runtimes look for networks (default: /etc/cni/net.d)',
  },
  file: {
    kind: 'value',
    placeholder: 'FILE',
    help: 'name of the list in it; runtimes take the first (default: 10-NAME.conflist)',
  },
  programOnly: { kind: 'flag', help: 'install no list: another plugin, such as flannel, calls natspace' },
  dryRun: { kind: 'flag', help: 'show what would be done, and change nothing' },
  force: { kind: 'flag', help: 'do it although something is in the way' },
} as const satisfies Options

type CniInput = Input<typeof options>

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

/** What the options ask for. Throws NatspaceError BAD_NETWORK (exit 2) where the plugin would not take it. */
const requestOf = (given: CniInput['options']): NetworkRequest => {
  const { subnet = [], noMasquerade = [], accept = [], host, isolated, fixFirewall } = given
  const mtu = given.mtu === undefined ? undefined : numberOf(given.mtu)
  const request = {
    name: nameOf(given),
    subnets: subnet,
    noMasquerade,
    accept,
    host,
    isolated,
    mtu,
    fixFirewall,
  }
  try {
    checkRequest(request)
  } catch (error) {
    if (!(error instanceof CniError)) throw error
    throw usageError('BAD_NETWORK', 'Cannot make such a network', `${error.message}: ${error.details}`, [
      'natspace cni --help lists the options',
    ])
  }
  return request
}

const numberOf = (text: string): number => {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw usageError('BAD_NETWORK', `Cannot use --mtu ${quote(text)}`, 'it is a number of bytes', [
    'write --mtu 1450',
  ])
}

const nameOf = ({ name = 'natspace' }: CniInput['options']): string => {
  if (isCniName(name)) return name
  const why = 'it has letters, digits, _, . and -, and the first is a letter or a digit'
  throw usageError('BAD_NETWORK', `Cannot use the name ${quote(name)}`, why, ['choose another name'])
}

const placesOf = (given: CniInput['options']) => ({
  binDir: realFolder(resolve(given.binDir ?? '/opt/cni/bin')),
  confDir: realFolder(resolve(given.confDir ?? '/etc/cni/net.d')),
  file: fileOf(given),
})

const fileOf = (given: CniInput['options']): string => {
  const file = given.file ?? `10-${nameOf(given)}.conflist`
  if (/^[\w.@-]+\.conflist$/.test(file) && !file.startsWith('.')) return file
  const why = 'it is the name of a file that ends in .conflist, without a folder'
  throw usageError('BAD_NETWORK', `Cannot use the file ${quote(file)}`, why, [
    'choose another name; --conf-dir says where it is',
  ])
}

/** This executable. Throws NatspaceError NO_PROGRAM where natspace is run by a runtime of its own. */
const ownProgram = (): string => {
  const [program = '', script] = ownCommand(realpathSync(process.execPath), process.argv[1])
  if (script === undefined) return program
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

/** What is about the list alone. */
const listOptions = ['file', ...(Object.keys(networkOptions) as (keyof typeof networkOptions)[])] as const

const refuseOptions = (
  given: CniInput['options'],
  keys: readonly (keyof typeof options)[],
  beside: string,
  why: string,
): void => {
  const key = keys.find(name => given[name] !== undefined)
  if (key === undefined) return
  throw usageError('CONFLICTING_OPTIONS', `Cannot use ${optionName(key)} with ${beside}`, why, [
    'leave it out',
  ])
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
