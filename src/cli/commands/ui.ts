import { capability } from '../../linux/sys/process.ts'
import { defineCommand, type Input } from '../command.ts'
import { expectWorkOn } from '../jit.ts'
import { noArguments, type Options } from '../options.ts'
import { requirePrivilege } from '../privilege.ts'

const options = {
  lab: {
    kind: 'flag',
    help: 'show the lab instead of this host: hosts and a LAN made of namespaces, without root; everything may be changed there',
  },
  allowChanges: {
    kind: 'flag',
    help: 'let the page bring spaces up and take them down; without it, it only looks and sends probes',
  },
  port: { kind: 'value', placeholder: 'N', help: 'the port to listen on (default: a free one)' },
  listen: {
    kind: 'value',
    placeholder: 'ADDR',
    help: 'the address to listen on (default: 127.0.0.1); one that others reach needs --tls and --auth',
  },
  tls: {
    kind: 'value',
    placeholder: 'CERT,KEY',
    help: 'serve HTTPS with this certificate (with its chain) and key, PEM files',
  },
  auth: {
    kind: 'value',
    placeholder: 'FILE',
    completes: 'file',
    help: 'demand the secret in this file of every request, besides the link: NAME:PASSWORD for HTTP Basic, or a bearer token; nobody else may read the file',
  },
  noOpen: { kind: 'flag', help: 'print the link only: open no browser' },
  lang: {
    kind: 'value',
    placeholder: 'LANGUAGE',
    values: ['en', 'zh'],
    help: 'the language of the page (default: Chinese if LANG says so, else what the browser prefers)',
  },
  engine: { kind: 'value', values: ['host', 'lab'], hidden: true, help: 'be the engine of a page' },
  inside: { kind: 'value', hidden: true, help: 'what the namespaces were before those of the lab' },
} as const satisfies Options

const run = async (input: Input<typeof options>): Promise<number> => {
  const { options: given, positionals, output, environment } = input
  noArguments('ui', positionals)
  expectWorkOn(Number.POSITIVE_INFINITY)
  if (given.engine === 'host' || given.engine === 'lab') {
    const { runUiEngine } = await import('../ui/engine.ts')
    return runUiEngine(
      given.engine,
      { allowChanges: given.allowChanges === true, inside: given.inside },
      environment,
    )
  }
  if (given.lab !== true) requirePrivilege('ui', [capability.netBroadcast])
  const { runUiFront } = await import('../ui/front.ts')
  const { listen, port, tls, auth } = given
  return runUiFront(
    {
      mode: given.lab === true ? 'lab' : 'host',
      allowChanges: given.allowChanges === true || given.lab === true,
      open: given.noOpen !== true,
      language: languageOf(given.lang, environment),
      site: {
        ...(listen === undefined ? {} : { listen }),
        ...(port === undefined ? {} : { port }),
        ...(tls === undefined ? {} : { tls }),
        ...(auth === undefined ? {} : { auth }),
      },
    },
    output,
    environment,
  )
}

/** As asked for; else Chinese where the locale is; else the browser's. locale(7): LC_ALL wins over LC_MESSAGES over LANG. */
const languageOf = (
  lang: string | undefined,
  { LC_ALL, LC_MESSAGES, LANG }: Input<typeof options>['environment'],
): 'en' | 'zh' | undefined => {
  if (lang === 'en' || lang === 'zh') return lang
  return (LC_ALL || LC_MESSAGES || LANG || '').startsWith('zh') ? 'zh' : undefined
}

export const uiCommand = defineCommand({
  name: 'ui',
  summary: 'look at spaces in the browser, and at the way of a packet through every hook',
  usage: ['[--allow-changes] [OPTION]...', '--lab [OPTION]...'],
  about: [
    'Serves a page on this machine and prints its link: the picture of all spaces with live counters; the way of a packet, hook by hook, with a drop standing on the rule that did it; what natspace doctor finds; a spec file as a plan before anything is done; with --lab the whole experiment as a lesson. It opens the browser where there is a desktop.',
    'The link works once, in one browser, which then has a cookie until the server ends. Another browser needs a new link: Enter in the terminal, or SIGUSR1, prints one. Only the page itself may ask: requests with another Host or Origin are refused, and nothing comes from anywhere else than this server.',
    'The process that speaks to browsers gives up root, and becomes the user who called sudo, or nobody; it can only ask a second one, which speaks to the kernel, for what the page can do. Both end together: with Ctrl-C (exit status 130) or SIGTERM (0).',
    'An address that others reach is refused without both --tls and --auth. ssh -L 8080:127.0.0.1:8080 HOST with natspace ui --port 8080 there does without.',
    'With --json each link is an object in a line of its own.',
  ],
  options,
  completes: 'none',
  examples: [
    { command: 'natspace ui --lab', does: 'try everything without root' },
    { command: 'sudo natspace ui', does: 'look at this host' },
    {
      command: 'sudo natspace ui --allow-changes --port 8080',
      does: 'also bring spaces up and take them down',
    },
  ],
  run,
})
