import { setTimeout as delay } from 'node:timers/promises'
import { NatspaceError } from '../../space/errors.ts'
import { WrongSecrets } from './auth.ts'
import { type Opened, openBrowser } from './browser.ts'
import { Door } from './door.ts'
import { EngineFailure } from './engine-client.ts'
import type { EngineProcess, Mode } from './engine-process.ts'
import { EventHub } from './events.ts'
import { allowedHosts, inUrl, type Site, siteUrl } from './origin.ts'
import type { Page } from './page.ts'
import { FrontServer } from './server.ts'
import type { SiteOptions } from './site-options.ts'

type Environment = Readonly<Record<string, string | undefined>>

export type FrontOptions = {
  site: SiteOptions
  mode: Mode
  allowChanges: boolean
  page: Page
  /** Whether to open a browser where there is a desktop. */
  open: boolean
  /** The language of the page, where one was asked for. */
  language: 'en' | 'zh' | undefined
  environment: Environment
  startEngine(): EngineProcess
  /** Gives up root: the port is bound and the engine started. Returns the environment of whom this process is then. */
  giveUpRights(): Environment
  /** Prints a link, which works once. */
  announce(url: string): void
  control: Control
}

/** How whoever started the front speaks to it. */
export type Control = {
  /** Resolves when it is to end: with its exit status. */
  ended: Promise<number>
  /** `give` is called for each new link that is asked for. */
  onNewLink(give: () => void): void
}

/** Milliseconds that the engine may take until it answers. */
const engineStart = 30_000
/** Milliseconds that it may take to tidy up. */
const engineEnd = 15_000
/** Milliseconds after which the file that told the browser of the link goes away in any case. */
const linkFile = 60_000

/**
 * Serves the page until it is told to end, or the engine ends. Returns the exit status. Throws NatspaceError: LISTEN_TAKEN,
 * CANNOT_LISTEN, ENGINE_ENDED, and what the engine says when it cannot start.
 */
export const runFront = async (options: FrontOptions): Promise<number> => {
  const server = new FrontServer(options.site.tls)
  const site = await bind(server, options.site)
  let engine: EngineProcess | undefined
  try {
    engine = options.startEngine()
    const environment = options.giveUpRights()
    return await serve(options, { server, site, engine, environment })
  } finally {
    await server.close()
    await engine?.end(engineEnd)
  }
}

const bind = async (server: FrontServer, { address, port, tls }: SiteOptions): Promise<Site> => {
  try {
    const bound = await server.listen(address, port)
    return { address, port: bound, tls: tls !== undefined, names: tls?.names ?? [] }
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    throw new NatspaceError({
      code: taken ? 'LISTEN_TAKEN' : 'CANNOT_LISTEN',
      exit: 1,
      what: `cannot listen on ${inUrl(address)}:${port}`,
      why: taken ? 'another program listens there' : (error as Error).message,
      fix: [
        taken
          ? 'leave out --port: any free one is taken then'
          : 'ip address lists the addresses of this host',
      ],
      cause: error,
    })
  }
}

type Parts = { server: FrontServer; site: Site; engine: EngineProcess; environment: Environment }

const serve = async (
  options: FrontOptions,
  { server, site, engine, environment }: Parts,
): Promise<number> => {
  const engineGone = new Promise<never>((_, reject) => {
    engine.client.onEnd = why => void tellEnd(engine, why).catch(reject)
  })
  const hub = new EventHub(engine.client)
  engine.client.onEvent = event => hub.send(event)
  const early = await Promise.race([options.control.ended, greeting(engine), engineGone])
  if (early !== undefined) return early

  const door = new Door()
  let opened: Opened | undefined
  const forgetOpened = () => {
    opened?.forget()
    opened = undefined
  }
  const { mode, allowChanges, page, language, announce, control } = options
  const newLink = (): string =>
    `${siteUrl(site)}${language === undefined ? '' : `?lang=${language}`}#${door.newToken()}`
  server.serve({
    engine: engine.client,
    hub,
    door,
    page,
    allowChanges: allowChanges || mode === 'lab',
    tls: site.tls,
    secret: options.site.secret,
    wrongSecrets: new WrongSecrets(),
    allowed: { hosts: allowedHosts(site), scheme: site.tls ? 'https' : 'http' },
    port: site.port,
    onSession: forgetOpened,
  })
  const url = newLink()
  announce(url)
  control.onNewLink(() => announce(newLink()))
  if (options.open) opened = openBrowser(url, environment)
  const forgetting = setTimeout(forgetOpened, linkFile)
  try {
    const status = await Promise.race([control.ended, engineGone])
    hub.end('natspace ui was ended')
    return status
  } catch (error) {
    hub.end(error instanceof Error ? error.message : String(error))
    throw error
  } finally {
    clearTimeout(forgetting)
    forgetOpened()
  }
}

/** The engine's first answer. Throws NatspaceError when there is none. */
const greeting = async ({ client }: EngineProcess): Promise<undefined> => {
  const silence = new AbortController()
  const tooLong = delay(engineStart, undefined, { signal: silence.signal }).then(() => {
    throw engineEnded('it did not answer', [`for ${engineStart / 1000} s`])
  })
  try {
    await Promise.race([client.ask('hello', {}), tooLong])
  } catch (error) {
    if (!(error instanceof EngineFailure)) throw error
    throw new NatspaceError({ ...error.failure, exit: 1 })
  } finally {
    tooLong.catch(() => undefined)
    silence.abort()
  }
}

/** Waits how the engine's process ended, and throws that as NatspaceError: in its own words if it had any. */
const tellEnd = async (engine: EngineProcess, why: string): Promise<never> => {
  const { lastWords } = engine.client
  if (lastWords !== undefined) throw new NatspaceError(lastWords)
  throw engineEnded(why, [await Promise.race([engine.ended, delay(1000, 'it still runs')])])
}

const engineEnded = (why: string, evidence: string[]): NatspaceError =>
  new NatspaceError({
    code: 'ENGINE_ENDED',
    exit: 1,
    what: 'cannot serve the page any longer',
    why: `the part that speaks to the kernel is gone: ${why}`,
    evidence,
    fix: ['look at what it printed above, and start natspace ui again'],
  })
