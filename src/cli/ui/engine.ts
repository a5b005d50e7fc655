import { hostname } from 'node:os'
import { takeOrigin } from '../../lab/start.ts'
import { LinuxKernel } from '../../linux/linux.ts'
import { Engine } from '../../server/engine/engine.ts'
import { openLab } from '../../server/engine/open-lab.ts'
import { type Facts, openEngineChannel } from '../../server/engine-channel.ts'
import type { Mode } from '../../server/front/engine-process.ts'
import { toLine } from '../../server/lines.ts'
import { NatspaceError } from '../../space/errors.ts'
import { lockOptions, statePathsOf } from '../environment.ts'
import { failureOf } from '../failure.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What the front told the engine in its hidden options. */
export type EngineWishes = { allowChanges: boolean; inside: string | undefined }

/** Milliseconds in which the engine must have tidied up once the front has gone. */
const tidying = 10_000

/**
 * Is the engine of a page until the front closes the pipe, which is stdin and stdout. Returns the exit status. Whatever
 * keeps it from working is told to the front, which tells the user.
 */
export const runUiEngine = async (
  mode: Mode,
  wishes: EngineWishes,
  environment: Environment,
): Promise<number> => {
  endWithFront()
  try {
    await serve(mode, wishes, environment)
    return 0
  } catch (error) {
    const facts = factsOf(error)
    await new Promise<void>(resolve => {
      process.stdout.write(toLine({ lastWords: facts }), () => resolve())
    })
    return facts.exit
  }
}

const serve = async (mode: Mode, { allowChanges, inside }: EngineWishes, environment: Environment) => {
  const channel = openEngineChannel(process.stdin, process.stdout, factsOf)
  const { lab, paths } =
    mode === 'lab' ? await openLab(originOf(inside)) : { lab: undefined, paths: statePathsOf(environment) }
  using engine = new Engine({
    mode,
    allowChanges: allowChanges || mode === 'lab',
    host: hostname(),
    paths,
    openKernel: () => new LinuxKernel(),
    push: event => channel.push(event),
    words: error => {
      const { what, why } = factsOf(error)
      return `${what}: ${why}`
    },
    ...lockOptions(environment),
    ...(lab === undefined ? {} : { lab }),
  })
  await channel.serve(engine.handlers)
  // A change that is under way is not to end in the middle.
  await engine.idle()
}

const factsOf = (error: unknown): Facts => {
  const { code, exit, what, why, evidence, fix } = failureOf(error)
  return { code, exit, what, why, evidence, fix }
}

/** Throws NatspaceError LAB_NOT_INSIDE for a start by hand. */
const originOf = (inside: string | undefined) => {
  const { origin } = takeOrigin([`--inside=${inside ?? ''}`])
  if (origin !== undefined) return origin
  throw new NatspaceError({
    code: 'LAB_NOT_INSIDE',
    exit: 1,
    what: 'refusing to build the lab',
    why: 'this process does not know which namespaces it must not touch',
    fix: ['start it as: natspace ui --lab'],
  })
}

/**
 * The front's end of the pipe closes however the front ends, and then the engine ends, too; and it does so in time, whatever it
 * waits for. A signal to the engine alone is the same to it.
 */
const endWithFront = (): void => {
  const { stdin } = process
  const inTime = () => {
    setTimeout(() => process.exit(1), tidying).unref()
  }
  stdin.once('end', inTime)
  stdin.once('close', inTime)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stdin.destroy())
}
