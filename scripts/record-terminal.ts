/**
 * Writes docs/images/tour.svg, the moving picture of README, and the same session as text into docs/tour.md:
 * `npx bun scripts/record-terminal.ts`, after `npm run build`.
 *
 * The commands below are typed into a shell at a terminal, in the lab and in a sandbox of namespaces around it; what is seen is what
 * they printed, and when. Two things are not as they were: keys are pressed at an even pace, with a pause for reading before each
 * command, and where a program was silent for more than a second, that second is all that is left of it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { path, root } from './lib/run.mjs'
import { userSandbox } from './lib/sandbox.mjs'
import { Screen } from './record-terminal-screen.ts'
import { type Input, toSvg } from './record-terminal-svg.ts'

/** A person on a machine where nothing is set up, who meets a firewall rule of somebody else; and what must be seen then. */
const session: readonly (readonly [command: string, seen: string])[] = [
  ['natspace lab shell host1', 'This shell is in host1 of the lab'],
  ['natspace up web -p 8000:80 --fix-firewall', 'web is up'],
  ['natspace status web', 'web: healthy'],
  ['natspace exec web -- ping -c 1 192.168.1.15', ' 0% packet loss'],
  ['nft insert rule ip filter FORWARD iifname veth-web drop  # somebody else', ''],
  ['natspace exec web -- ping -c 1 -W 1 192.168.1.15', ' 100% packet loss'],
  ['natspace trace web --to 192.168.1.15', 'dropped: it was stopped by the rule'],
  ['natspace doctor web --to 192.168.1.15', 'fix        iptables -I FORWARD -i veth-web -j ACCEPT'],
  ['iptables -I FORWARD -i veth-web -j ACCEPT  # the first fix', ''],
  ['natspace exec web -- ping -c 1 192.168.1.15', ' 0% packet loss'],
  ['natspace down web', 'web is down'],
]

const columns = 100
const rows = 30
const picture = join(root, 'docs/images/tour.svg')
const document = join(root, 'docs/tour.md')

/** A prompt at the end of what was printed: that of the shell outside, or that of the lab. */
const prompt = /(?:^|\n)(\$ |\[natspace lab: \w+\] \$ )$/

/** Text without its colours, and with the line ends of a file. */
const plain = (text: string): string => text.replaceAll(/\x1b\[[\d;]*m|\r/g, '')

/** What was printed after a command, and how many milliseconds after Enter; before the first command only a prompt is. */
type Take = { command: string; chunks: { after: number; text: string }[] }

/** Types the commands, each when the prompt is there, and returns what was printed. Throws an Error after 20 s without one. */
async function record(commands: typeof session): Promise<Take[]> {
  const takes: Take[] = []
  let chunks: Take['chunks'] = []
  let started = performance.now()
  const decoder = new TextDecoder()
  const environment = [
    `PATH=${join(root, 'dist')}:${path}`,
    'PS1=$ ',
    'TERM=xterm-256color',
    'LANG=C.UTF-8',
    'SHELL=/bin/sh',
    'HOME=/run/home',
  ]
  const { prefix } = userSandbox([join(root, 'dist/natspace')])
  const child = Bun.spawn([...prefix, 'env', '-i', ...environment, 'sh', '-i'], {
    terminal: {
      cols: columns,
      rows,
      data: (_terminal, data) => {
        chunks.push({ after: performance.now() - started, text: decoder.decode(data, { stream: true }) })
      },
    },
  })
  const printed = (): string => chunks.map(({ text }) => text).join('')
  try {
    for (const [command, seen] of [['', ''], ...commands] as const) {
      chunks = []
      started = performance.now()
      if (command !== '') child.terminal?.write(`${command}\r`)
      takes.push({ command, chunks })
      while (!prompt.test(printed())) {
        if (performance.now() - started > 20_000)
          throw new Error(`no prompt after '${command}': ${printed()}`)
        await Bun.sleep(20)
      }
      if (!plain(printed()).includes(seen))
        throw new Error(`'${command}' did not print '${seen}': ${printed()}`)
    }
  } finally {
    // A shell at a terminal takes no notice of SIGTERM. What is in its namespaces goes with it.
    child.kill('SIGKILL')
    await child.exited
    child.terminal?.close()
  }
  return takes
}

/** The output of a command alone. The terminal echoes what is typed, and goes to the next line at Enter. */
const withoutEcho = ({ command, chunks }: Take): Take['chunks'] => {
  let echo = command === '' ? '' : `${command}\r\n`
  return chunks.flatMap(({ after, text }) => {
    const part = text.slice(0, echo.length)
    if (!echo.startsWith(part)) throw new Error(`'${command}' was echoed as ${JSON.stringify(text)}`)
    echo = echo.slice(part.length)
    const rest = text.slice(part.length)
    return rest === '' ? [] : [{ after, text: rest }]
  })
}

const longestSilence = 1000
const key = 38
/** What comes within one frame of a screen comes at once. */
const frame = 20

const readingTime = (lines: number): number => Math.min(4800, 900 + lines * 150)

/** Puts the takes one after another on the clock of the picture. */
function play(takes: readonly Take[]): { screen: Screen; inputs: Input[]; end: number } {
  const screen = new Screen(columns)
  const inputs: Input[] = []
  let now = 0
  let lines = 0
  for (const take of takes) {
    if (take.command !== '') {
      const { line, column } = screen.cursor
      const length = take.command.length
      if (column + length >= columns) throw new Error(`'${take.command}' does not fit into a line`)
      const prompted = now
      const typed = prompted + readingTime(screen.lines.length - lines)
      now = typed + length * key
      inputs.push({ line, column, length, prompted, typed, entered: now })
      screen.write(take.command, typed)
      lines = screen.lines.length
      screen.write('\r\n', now)
    }
    let last = 0
    const begun = now
    let left = 0
    for (const { after, text } of withoutEcho(take)) {
      left += Math.max(0, after - last - longestSilence)
      last = after
      now = take.command === '' ? 0 : begun + Math.round((after - left) / frame) * frame
      screen.write(text, now)
    }
  }
  const { line, column } = screen.cursor
  const end = now + 7000
  // The cursor stands at the last prompt, and nothing is typed there.
  inputs.push({ line, column, length: 0, prompted: now, typed: end, entered: end })
  return { screen, inputs, end }
}

/** The session as text, for docs/tour.md: without the prompt at its end. */
const transcript = (takes: readonly Take[]): string => {
  const parts = takes.flatMap(take => [take.command, '\n', ...withoutEcho(take).map(({ text }) => text)])
  return plain(parts.join('')).trim().replace(/\n.*$/, '')
}

async function main(): Promise<void> {
  if (!existsSync(join(root, 'dist/natspace'))) throw new Error('dist/natspace is missing: npm run build')
  const takes = await record(session)
  const { screen, inputs, end } = play(takes)
  const svg = toSvg({
    title: 'natspace in a terminal',
    description:
      'A space is connected in the lab, without root: it is up, it is looked at, and a ping gets out. Then a firewall rule of somebody else ' +
      'stops it: trace names the rule that dropped the packet, doctor names the cause and the commands that mend it, ' +
      'the ping gets out again, and the space is taken down. docs/tour.md has the session as text.',
    source: 'DO NOT EDIT: made by npx bun scripts/record-terminal.ts',
    screen,
    inputs,
    rows,
    duration: end,
  })
  writeFileSync(picture, svg)
  const text = readFileSync(document, 'utf8')
  const marked = /(<!-- begin session[^>]*-->\n)[\s\S]*?(<!-- end session -->)/
  if (!marked.test(text)) throw new Error('docs/tour.md has no place for the session')
  writeFileSync(
    document,
    text.replace(
      marked,
      (_, begin: string, finish: string) => `${begin}\`\`\`text\n${transcript(takes)}\n\`\`\`\n${finish}`,
    ),
  )
  console.log(`${picture}: ${svg.length} bytes, ${(end / 1000).toFixed(1)} s, ${screen.lines.length} lines`)
}

await main()
