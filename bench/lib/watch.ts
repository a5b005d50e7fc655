/** Programs that look at packets while there is traffic: what they cost, and what they say they have missed. */
import { BenchFailure, timed } from './process.ts'

/** One or more processes that watch together. */
export type Watch = {
  readonly commands: readonly (readonly string[])[]
  /** What each of them prints to its standard error once it watches. */
  readonly ready: string
  /** Seconds for which they still work on what has come when the traffic is over; default: none. */
  readonly settle?: number
  readonly environment?: Readonly<Record<string, string>>
}

export type Watched = {
  /** What the traffic printed. */
  readonly traffic: string
  /** Seconds of processor time of all watchers, from their start until they had done with all that came. */
  readonly seconds: number
  /** What the watchers printed to their standard errors. */
  readonly said: string
}

const quoted = (words: readonly string[]): string => words.map(word => `'${word}'`).join(' ')

/**
 * Lets the watchers begin, runs the traffic to its end, and ends the watchers by SIGINT. Throws a BenchFailure when any of
 * them fails, or does not begin in time.
 */
export function watched(
  { commands, ready, settle = 0, environment = {} }: Watch,
  traffic: readonly string[],
): Watched {
  const each = (text: (index: number) => string): string => commands.map((_, index) => text(index)).join('\n')
  const script = `
    end() {
      :
      ${each(index => `kill $watcher${index} 2>/dev/null`)}
    }
    # By the signal, as some say.
    ended() { [ $1 = 0 ] || [ $1 = 130 ] || exit 1; }
    trap end EXIT
    ${each(index => `: >/run/tmp/watch-${index}`)}
    ${commands
      .map((words, index) => `${quoted(words)} >/dev/null 2>/run/tmp/watch-${index} & watcher${index}=$!`)
      .join('\n')}
    for watch in ${commands.map((_, index) => `/run/tmp/watch-${index}`).join(' ')}; do
      for attempt in $(seq 1000); do grep -q '${ready}' $watch && continue 2; sleep 0.01; done
      cat $watch >&2
      exit 1
    done
    echo "traffic $(${quoted(traffic)})" || exit 1
    sleep ${settle}
    ${each(index => `echo "ticks $(cut -d' ' -f14,15 /proc/$watcher${index}/stat)"`)}
    ${each(index => `kill -INT $watcher${index}; wait $watcher${index}; ended $?`)}
    trap '' EXIT
    ${each(index => `sed 's/^/said /' /run/tmp/watch-${index}`)}
    echo "clock $(getconf CLK_TCK)"`
  const { output } = timed({ run: ['sh', '-c', script], environment })
  const all = (name: string): string[] =>
    [...output.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, text = '']) => text)
  const ticks = all('ticks').flatMap(text => text.split(' ').map(Number))
  const seconds = ticks.reduce((sum, count) => sum + count, 0) / Number(all('clock')[0])
  const [told] = all('traffic')
  if (told === undefined || told === '' || !(seconds >= 0))
    throw new BenchFailure(`The traffic printed nothing:\n${output}`)
  return { traffic: told, seconds, said: all('said').join('\n') }
}
