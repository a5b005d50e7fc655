import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The checkout, whatever folder the script was started from. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** Programs of the administrator, such as ip and nft, are not on an ordinary user's PATH in Debian. */
export const path = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

export const say = text => process.stdout.write(`${text}\n`)

/** A failure that is told in words alone, because a stack trace would not help its reader. */
export class Failure extends Error {}

/** Runs a program with our own input and output. Returns its exit status, or 128 + n when signal n ended it. */
export function run(program, args, env = {}) {
  const result = spawnSync(program, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: path, ...env },
  })
  if (result.error) throw new Failure(`Cannot run ${program}: ${result.error.message}`)
  return result.status ?? 128 + (signalNumbers[result.signal] ?? 0)
}

const signalNumbers = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
}

const interrupts = ['SIGINT', 'SIGTERM']

/** Runs a program silently. Returns `{ok, output}`; a program that cannot be started is `ok: false`. */
export function ask(program, args) {
  const result = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  })
  const output = result.error ? result.error.message : `${result.stdout}${result.stderr}`
  return { ok: result.status === 0, output: output.trim() }
}

/**
 * Runs a program, shows what it prints while it runs (`held`: only when it has ended, as another runs beside it), and
 * returns `{code, output, timedOut}`. It leads its own process group, so that on a timeout its children end with it.
 */
export function follow([program, ...args], { env = {}, seconds, held = false }) {
  return new Promise(resolve => {
    const child = spawn(program, args, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: path, ...env },
    })
    let output = ''
    let timedOut = false
    let finished = false
    const end = () => {
      try {
        process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Nobody is left in the group: that is what was wanted.
      }
    }
    const onInterrupt = signal => {
      end()
      // Behind the handlers of programs that run beside it.
      setImmediate(() => process.exit(128 + signalNumbers[signal]))
    }
    const timer = setTimeout(() => {
      timedOut = true
      end()
    }, seconds * 1000)
    const finish = code => {
      if (finished) return
      finished = true
      clearTimeout(timer)
      for (const signal of interrupts) process.off(signal, onInterrupt)
      if (child.pid !== undefined) end()
      if (held) process.stdout.write(output)
      if (timedOut) say(`\n${program} was ended: it ran for more than ${seconds} s`)
      resolve({ code, output, timedOut })
    }
    for (const signal of interrupts) process.on(signal, onInterrupt)
    // Both go to standard output, so that what is printed keeps its order whoever reads it.
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', text => {
        output += text
        if (!held) process.stdout.write(text)
      })
    }
    child.on('error', error => {
      say(`Cannot run ${program}: ${error.message}`)
      finish(127)
    })
    child.on('close', code => finish(code ?? 1))
    // A daemon left behind may hold the pipes open for ever: give the last words half a second, no more.
    child.on('exit', code => setTimeout(() => finish(code ?? 1), 500))
  })
}

/** Runs a script's main function: its number is the exit status, and a Failure is told without a stack trace. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    process.stderr.write(`\n${error.message}\n`)
    process.exitCode = 1
  }
}

/** True when the module of this URL is the script that Node was started with. */
export const isMain = url => process.argv[1] === fileURLToPath(url)
