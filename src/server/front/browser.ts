import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../../lab/start.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A browser that was asked to open the link; `forget` takes the file away through which it was told. */
export type Opened = { forget(): void }

/**
 * Asks the desktop to open the link, as the user whom this process is by now, and never as root. Undefined where there is
 * no desktop. Every user of the machine can read the arguments of a program, so the link is not among them: they name a
 * file that only this user can read, and the page in it goes on to the link. Equivalent to: `xdg-open FILE`
 */
export const openBrowser = (url: string, environment: Environment): Opened | undefined => {
  const hasScreen = Boolean(environment.DISPLAY) || Boolean(environment.WAYLAND_DISPLAY)
  const program = findProgram('xdg-open', environment.PATH)
  if (!hasScreen || program === undefined || process.getuid?.() === 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'natspace-ui-'))
  const forget = () => rmSync(folder, { recursive: true, force: true })
  try {
    const file = join(folder, 'open.html')
    writeFileSync(file, redirect(url), { mode: 0o600, flag: 'wx' })
    const child = spawn(program, [file], {
      stdio: 'ignore',
      detached: true,
      env: desktopEnvironment(environment),
    })
    child.once('error', forget)
    child.unref()
  } catch (error) {
    forget()
    throw error
  }
  return { forget }
}

/** The URL has no character that HTML reads otherwise: an address, a port, and base64url. */
const redirect = (url: string): string =>
  `<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>natspace</title><meta http-equiv="refresh" content="0;url=${url}">\n`

/** What a desktop's programs need and sudo drops: where the user's session bus is. */
const desktopEnvironment = (environment: Environment): Record<string, string> => {
  const runtime = `/run/user/${process.getuid?.()}`
  const given = Object.fromEntries(
    Object.entries(environment).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  )
  if (given.XDG_RUNTIME_DIR !== undefined || !existsSync(runtime)) return given
  return { DBUS_SESSION_BUS_ADDRESS: `unix:path=${runtime}/bus`, ...given, XDG_RUNTIME_DIR: runtime }
}
