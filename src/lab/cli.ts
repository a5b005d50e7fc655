import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import { LinuxKernel } from '../linux/linux.ts'
import { table } from '../space/text/table.ts'
import { settleInside } from './inside.ts'
import { type LabOptions, parseLabOptions } from './options.ts'
import { allHold } from './proof.ts'
import { bringUp, openLab, runExperiment, runWithout } from './run.ts'
import { runScenarios } from './run-scenarios.ts'
import { scenarios } from './scenarios/index.ts'
import { Screen, writeOut } from './screen.ts'
import { becomeProgram, greeting } from './shell.ts'
import type { LabResult } from './stage.ts'
import { startInside, takeOrigin } from './start.ts'
import type { Teller } from './teller.ts'

/** The help of `natspace lab`. */
export const labHelp = `Usage: natspace lab [run] [--without STEP | --scenario CODE]
       natspace lab scenarios
       natspace lab shell [host1|host2|myspace|lan] [-- COMMAND [ARG]...]

A host with a space, another host and a LAN between them, made of network namespaces: the experiment that natspace
is about, in a network of its own. Needs no root, touches nothing of this machine, and vanishes when its last process
ends.

Commands:
  run             brings myspace up on host1 and proves each thing that must then be seen: the routes; one echo,
                  captured at every point, and its walk out and back, hook by hook; two spaces that use the same
                  ICMP identifier; a connection to the published port, and its walk. Then takes it down, and proves
                  that nothing is left; exit status 0 only if all of it holds
  scenarios       lists the faults that the lab can make, with their codes
  shell [PLACE]   builds the lab with myspace up, and opens $SHELL in a place of it (default host1), or runs COMMAND
                  there; the lab is gone when that ends. In host1 natspace itself can be used, as on any host

Options:
  --without STEP  leaves out step 6 (default route), 7 (forwarding), 8 (SNAT) or 9 (FORWARD rules), shows how far
                  the packets come and where they end, adds the step, and shows that it works; exit status 0 only
                  if it failed as it must
  --scenario CODE makes a fault, lets natspace doctor find it, takes it back, and lets it look again; all plays every
                  one. Exit status 0 only if exactly that fault was found, and nothing afterwards
  -j, --json      print one JSON object on stdout
  -q, --quiet     print the verdict only
  -v, --verbose   print every chain that the packets passed, too
  --color WHEN    colours: auto (on a terminal, unless NO_COLOR is set), always, never
  -h, --help      show this help

Examples:
  natspace lab run
  natspace lab run --without 8
  natspace lab run --scenario LNK-DOWN
  natspace lab shell myspace
  natspace lab shell host2 -- ping -c 1 192.168.1.32
`

/**
 * `natspace lab ARGS`: returns the exit status; a shell, and the first start, never return, as the process becomes
 * another. Throws NatspaceError (exit 2 for usage, 4 where namespaces are refused).
 */
export const runLab = async (args: readonly string[], teller: Teller): Promise<number> => {
  const { origin, args: rest } = takeOrigin(args)
  const options = parseLabOptions(rest)
  if (options.command === 'help') {
    writeOut(labHelp)
    return 0
  }
  if (options.command === 'scenarios') {
    writeOut(scenarioList(options.json))
    return 0
  }
  if (origin === undefined) return startInside(rest)
  {
    using kernel = new LinuxKernel()
    settleInside(kernel, origin)
  }
  const screen = new Screen({
    silent: options.json || options.quiet || options.command === 'shell',
    colours: wantsColours(options.color),
    verbose: options.verbose,
  })
  if (options.command === 'shell') {
    const context = openLab(screen)
    await bringUp(screen, context)
    context.kernel[Symbol.dispose]()
    if (options.words.length === 0 && !options.quiet) writeSync(2, greeting(options.place))
    return becomeProgram(options.place, options.words)
  }
  const { without, faults } = options
  const result = await (faults.length > 0
    ? runScenarios(screen, faults, teller)
    : without === undefined
      ? runExperiment(screen, teller)
      : runWithout(screen, without, teller))
  report(options, result, screen)
  return allHold(result.proofs) ? 0 : 1
}

/** The faults that can be made, a line each. */
const scenarioList = (isJson: boolean): string => {
  const data = scenarios.map(({ code, title }) => ({ code, title }))
  if (isJson) return `${JSON.stringify({ schemaVersion: 1, command: 'lab scenarios', data, findings: [] })}\n`
  const rows = data.map(({ code, title }) => [code, title])
  return `${table(['code', 'what is done'], rows, text => text).join('\n')}\n`
}

const wantsColours = (when: LabOptions['color']): boolean =>
  when === 'always' || (when === 'auto' && isatty(1) && !process.env.NO_COLOR && process.env.TERM !== 'dumb')

const report = (
  options: LabOptions & { command: 'run' },
  { proofs, tables }: LabResult,
  { paint }: Screen,
): void => {
  const { without } = options
  if (options.json) {
    const data = { ...(without === undefined ? {} : { without }), proofs, ...tables }
    writeOut(`${JSON.stringify({ schemaVersion: 1, command: 'lab run', data, findings: [] })}\n`)
    return
  }
  const failed = proofs.filter(proof => !proof.ok)
  const verdict =
    failed.length === 0
      ? paint.good(`✓ all ${proofs.length} proofs hold`)
      : paint.bad(
          `✗ ${failed.length} of ${proofs.length} proofs do not hold: ${failed.map(proof => proof.name).join('; ')}`,
        )
  const before = options.quiet ? '' : '\n'
  if (without === undefined) writeOut(`${before}${verdict}\n`)
  else {
    const cure = proofs.at(-1)?.ok ? paint.good('✓') : paint.bad('✗')
    const asExpected = allHold(proofs.slice(0, -1)) ? 'failed as expected' : 'did NOT fail as expected'
    writeOut(`${before}without step ${without}: ${asExpected}; with step ${without}: ${cure}\n${verdict}\n`)
  }
}
