/**
 * The page as somebody has it: `natspace ui --lab` and Debian's Chromium, both of this file's own, both ended by their
 * process ids. Whatever the browser complains about, such as something that the page's security policy forbids, fails the
 * test.
 */
import { afterAll, beforeAll, expect } from 'bun:test'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const root = join(import.meta.dirname, '../..')
const chromiumPath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync)

/** Nothing that reaches out by itself, and no GPU: the sandbox has neither. */
const browserArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--font-render-hinting=none',
]

/** Longer than anything takes on a machine that is busy with other tests. */
export const patience = 30_000

type Link = { data: { url: string } }

/** A server of the page, and the links that it prints. */
class Server {
  readonly #child: ChildProcess
  readonly #links: string[] = []
  readonly #waiting: ((url: string) => void)[] = []
  #said = ''
  #ended: Promise<void>

  constructor(args: readonly string[]) {
    const env = { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }
    this.#child = spawn(join(root, 'dist/natspace'), ['ui', '--no-open', '--json', ...args], { env })
    this.#ended = new Promise(resolve => this.#child.once('exit', () => resolve()))
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.#said += String(text)
    })
    const { stdout } = this.#child
    if (stdout === null) throw new Error('natspace ui has no output')
    createInterface({ input: stdout }).on('line', line => {
      const { data } = JSON.parse(line) as Partial<Link>
      if (data?.url === undefined) this.#said += line
      else (this.#waiting.shift() ?? (url => this.#links.push(url)))(data.url)
    })
  }

  /** The next link that is printed. */
  link(): Promise<string> {
    const known = this.#links.shift()
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`natspace ui printed no link: ${this.#said}`)),
        patience,
      )
      void this.#ended.then(() => reject(new Error(`natspace ui ended: ${this.#said}`)))
      this.#waiting.push(url => {
        clearTimeout(timer)
        resolve(url)
      })
    })
  }

  /** Another link, as the first works in one browser alone. */
  anotherLink(): Promise<string> {
    this.#child.kill('SIGUSR1')
    return this.link()
  }

  async end(): Promise<void> {
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await this.#ended
    clearTimeout(timer)
  }
}

export type Lab = {
  /** A page in a fresh browser of its own, at this view, once it is there. */
  open: (view: string, options?: BrowserContextOptions) => Promise<Page>
  /** A fresh link. */
  link: () => Promise<string>
  /** Ends the server before its time. */
  end: () => Promise<void>
  /** A browser without the session. */
  browser: () => Browser
  /** What browsers complained about so far; `open`'s pages are watched by themselves. */
  complaints: string[]
}

/** Starts the lab's page and one browser for the file, and ends both with it. */
export function labPage(args: readonly string[] = ['--lab']): Lab {
  const complaints: string[] = []
  let server: Server | undefined
  let browser: Browser | undefined
  let first: Promise<string> | undefined
  let folder = ''
  const there = (): Browser => {
    if (browser === undefined) throw new Error('the browser has not started')
    return browser
  }
  const link = async (): Promise<string> => {
    if (server === undefined) throw new Error('the server has not started')
    const url = first ?? server.anotherLink()
    first = undefined
    return url
  }

  beforeAll(async () => {
    if (chromiumPath === undefined) throw new Error('Chromium is missing: apt-get install chromium')
    server = new Server(args)
    first = server.link()
    folder = mkdtempSync(join(tmpdir(), 'natspace-browser-'))
    // It writes settings and crash reports to its home, which is not to be that of the user.
    const env = {
      ...process.env,
      HOME: folder,
      TMPDIR: folder,
      XDG_CONFIG_HOME: folder,
      XDG_CACHE_HOME: folder,
    }
    browser = await chromium.launch({ executablePath: chromiumPath, args: browserArguments, env })
    await first
  }, 2 * patience)

  afterAll(async () => {
    await browser?.close()
    await server?.end()
    rmSync(folder, { recursive: true, force: true })
    expect(complaints).toEqual([])
  }, 2 * patience)

  const open: Lab['open'] = async (view, options = {}) => {
    const context = await there().newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-US',
      ...options,
    })
    context.setDefaultTimeout(patience)
    const page = await context.newPage()
    page.on('pageerror', error => complaints.push(`${view}: ${error.message}`))
    page.on('console', message => {
      if (message.type() === 'error' || message.type() === 'warning')
        complaints.push(`${view}: ${message.text()}`)
    })
    await page.goto(await link())
    await page.waitForSelector('main h1')
    if (view !== 'topology') await page.evaluate(`location.hash = ${JSON.stringify(`#/${view}`)}`)
    await page.waitForSelector(`nav a[aria-current=page][href="#/${view.split('/')[0]}"]`)
    await page.waitForSelector('main h1')
    await page.waitForSelector('.connection.connected')
    return page
  }
  return { open, link, end: async () => server?.end(), browser: there, complaints }
}

/** Takes a picture for docs/images where pictures are asked for; else only looks whether it can be taken. */
export async function picture(page: Page, name: string): Promise<void> {
  const writes = process.env.NATSPACE_SCREENSHOTS === 'write'
  // A colour that is on its way to another is neither.
  await page.evaluate(async () => {
    const transitions = document.getAnimations().filter(one => one instanceof CSSTransition)
    await Promise.allSettled(transitions.map(({ finished }) => finished))
  })
  const bytes = await page.screenshot({ caret: 'initial' })
  expect(bytes.length).toBeGreaterThan(5000)
  if (!writes) return
  const folder = join(root, 'docs/images')
  mkdirSync(folder, { recursive: true })
  await Bun.write(join(folder, `${name}.png`), bytes)
}

/** How wide a thing is drawn beyond the window: a page that has to be moved sideways is too wide. */
export const overhang = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

/** Asks the server as the page does, with its cookie. Throws when it says no. */
export async function ask(page: Page, method: string, path: string, body?: unknown): Promise<unknown> {
  const { status, text } = await page.evaluate(
    async ([method, path, body]) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(path, body === undefined ? { method } : { method, headers, body })
      return { status: answer.status, text: await answer.text() }
    },
    [method, path, body === undefined ? undefined : JSON.stringify(body)] as const,
  )
  if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`)
  return text === '' ? undefined : JSON.parse(text)
}
