/**
 * One of many processes that bring spaces up and down at the same time: runs the command with random arguments, kills it
 * now and then, and prints a line for each. Arguments: executable, seed, how many commands, how many names.
 */
import { spawn } from 'node:child_process'

const [executable = '', seedText = '1', countText = '1', namesText = '20'] = process.argv.slice(2)
let state = Number(seedText) * 2654435761 + 1

/** A number below `limit` (xorshift of 32 bits). */
const random = (limit: number): number => {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  return (state >>> 0) % limit
}

const name = (): string => `s${random(Number(namesText))}`
const port = (): number => 2000 + random(40)

const commands: (() => string[])[] = [
  () => ['up', name()],
  () => ['up', name(), '-p', `${port()}:80`],
  () => ['up', name(), '--internal'],
  () => ['up', name(), '-p', `${port()}:80`, '-p', `${port()}:53/udp`, '--fix-firewall'],
  () => ['down', name()],
  () => ['down', name(), name()],
  () => ['publish', name(), `${port()}:81`],
  () => ['unpublish', name(), `${port()}`],
  () => ['exec', name(), 'true'],
  () => ['status'],
  () => ['gc'],
]

const run = (args: string[], killAfter: number | undefined): Promise<string> =>
  new Promise(resolve => {
    const child = spawn(executable, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', part => {
      said += part
    })
    const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
    child.once('exit', (status, signal) => {
      clearTimeout(timer)
      const code = /code: (\S+)/.exec(said)?.[1] ?? ''
      resolve(`${args[0]} ${signal ?? status} ${code}`)
    })
  })

for (let index = 0; index < Number(countText); index++) {
  const args = commands[random(commands.length)]?.() ?? ['status']
  console.log(await run(args, random(4) === 0 ? 5 + random(60) : undefined))
}
