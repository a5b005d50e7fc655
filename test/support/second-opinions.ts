/** Programs of the field that watch the same packets as we do, each writing to a file until it is stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'

const folder = '/run/second-opinions'
/** Milliseconds: a loaded machine may take long, and a quiet one never waits for it. */
const patience = 10_000
const pause = 25

type Watcher = { name: string; child: ChildProcess; file: string }

/** Waits until it holds; throws when that does not come to be in ten seconds. */
export const eventually = async (what: string, holds: () => boolean): Promise<void> => {
  const end = performance.now() + patience
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, pause))
  }
}

/** Sockets of this namespace that listen to a netlink family, by its number. */
const listeners = (family: number): number =>
  readFileSync('/proc/thread-self/net/netlink', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(
      ([, protocol, , groups]) => Number(protocol) === family && Number.parseInt(groups ?? '0', 16) !== 0,
    ).length

const netfilter = 12

/** tcpdump at points, `conntrack -E` and `nft monitor trace`, as far as they are asked for. */
export class SecondOpinions {
  readonly #watchers: Watcher[] = []

  /** `words`: a program and its arguments; `ready`: when it has begun to watch, told from what it has printed. */
  async start(name: string, words: readonly string[], ready: (text: string) => boolean): Promise<void> {
    mkdirSync(folder, { recursive: true })
    const file = `${folder}/${name}`
    const output = openSync(file, 'w')
    const [program = '', ...args] = words
    const child = spawn(program, args, { stdio: ['ignore', output, output] })
    closeSync(output)
    this.#watchers.push({ name, child, file })
    await eventually(`${name}: ${words.join(' ')}`, () => ready(readFileSync(file, 'utf8')))
  }

  /** The command of the reference experiment, at a link of this namespace or of another one. */
  async tcpdump(name: string, link: string, filter: string, place?: string): Promise<void> {
    const words = ['tcpdump', '-l', '--immediate-mode', '-envi', link, '-p', filter]
    const where = place === undefined ? [] : ['ip', 'netns', 'exec', place]
    await this.start(name, [...where, ...words], text => text.includes('listening on'))
  }

  async conntrack(): Promise<void> {
    const before = listeners(netfilter)
    await this.start('conntrack', ['conntrack', '-E'], () => listeners(netfilter) > before)
  }

  async nft(): Promise<void> {
    const before = listeners(netfilter)
    await this.start('nft', ['nft', 'monitor', 'trace'], () => listeners(netfilter) > before)
  }

  /** Stops all of them once nothing more comes; what each has printed, by its name. */
  async finish(): Promise<Record<string, string>> {
    let before = ''
    let same = 0
    await eventually('the end of what they print', () => {
      const sizes = this.#watchers.map(({ file }) => statSync(file).size).join()
      same = sizes === before ? same + 1 : 0
      before = sizes
      return same >= 6
    })
    this.stop()
    return Object.fromEntries(this.#watchers.map(({ name, file }) => [name, readFileSync(file, 'utf8')]))
  }

  stop(): void {
    for (const { child } of this.#watchers) child.kill('SIGKILL')
  }
}
