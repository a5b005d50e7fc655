import { type Mode, startEngine } from '../../server/front/engine-process.ts'
import { type FrontOptions, runFront } from '../../server/front/front.ts'
import { giveUpRights, nobody } from '../../server/front/rights.ts'
import { readSite } from '../../server/front/site-options.ts'
import { invokerOf, readAccounts } from '../exec/identity.ts'
import { type Output, ReaderGone } from '../output.ts'
import { takeControl } from './control.ts'
import { loadPage } from './page-source.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What of the options matters to the front. */
export type FrontWishes = {
  mode: Mode
  allowChanges: boolean
  open: boolean
  language: FrontOptions['language']
  site: Parameters<typeof readSite>[0]
}

/** Serves the page until it is told to end. Returns the exit status. Throws NatspaceError. */
export const runUiFront = async (
  { mode, allowChanges, open, language, site }: FrontWishes,
  output: Output,
  environment: Environment,
): Promise<number> =>
  runFront({
    site: readSite(site),
    mode,
    allowChanges,
    page: await loadPage(),
    open,
    language,
    environment,
    startEngine: () => startEngine(mode, allowChanges),
    giveUpRights: () => becomeInvoker(environment),
    announce: url => announce(url, { mode, allowChanges }, output),
    control: takeControl(),
  })

/** From root to who called sudo, or to nobody. Returns his environment. */
const becomeInvoker = (environment: Environment): Environment => {
  const invoker = invokerOf(environment, readAccounts)
  return giveUpRights(invoker ?? nobody) ? { ...environment, ...invoker?.variables } : environment
}

const announce = (url: string, facts: { mode: Mode; allowChanges: boolean }, output: Output): void => {
  try {
    if (output.json) {
      output.object('ui', { url, ...facts, pid: process.pid })
      return
    }
    output.lines([url])
    output.note(
      'It works once, in one browser. Enter prints a new link for another one; Ctrl-C ends the server.',
    )
  } catch (error) {
    // Nobody reads what it prints any more: those who are in go on.
    if (!(error instanceof ReaderGone)) throw error
  }
}
