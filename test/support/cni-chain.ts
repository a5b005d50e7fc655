/**
 * A list of plugins as a runtime runs it, by the rules of the CNI specification 1.1.0, section 4: each gets the result of
 * the one before, and of the runtime's wishes those that it has a capability for; taking away goes backwards. Run by a
 * test's script in its sandbox: `bun cni-chain.ts ADD|DEL|CHECK CONTAINER LIST.json [WISHES.json]`. Prints the result; or the
 * error of the plugin that failed, with its type, and ends with 1. Results are kept in /run/results.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

type Plugin = { type: string; capabilities?: Record<string, boolean> }
type List = { cniVersion: string; name: string; plugins: Plugin[] }

const [command = '', container = '', listPath = '', wishesPath] = process.argv.slice(2)
const list = JSON.parse(readFileSync(listPath, 'utf8')) as List
const wishes = (wishesPath === undefined ? {} : JSON.parse(readFileSync(wishesPath, 'utf8'))) as Record<
  string,
  unknown
>
const folders = ['/usr/lib/cni', '/opt/cni/bin']
const kept = `/run/results/${list.name}-${container}.json`

const runPlugin = (
  plugin: Plugin,
  previous: unknown,
): { status: number | null; output: string; errors: string } => {
  const { capabilities = {} } = plugin
  const runtimeConfig = Object.fromEntries(Object.entries(wishes).filter(([key]) => capabilities[key]))
  const configuration = {
    cniVersion: list.cniVersion,
    name: list.name,
    ...plugin,
    ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }),
    ...(previous === undefined ? {} : { prevResult: previous }),
  }
  const file =
    plugin.type === 'natspace'
      ? (process.env.NATSPACE_EXECUTABLE ?? '')
      : (folders.map(folder => `${folder}/${plugin.type}`).find(path => existsSync(path)) ?? plugin.type)
  const { status, stdout, stderr } = spawnSync(file, {
    input: JSON.stringify(configuration),
    encoding: 'utf8',
    timeout: 20_000,
    env: {
      ...process.env,
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_NETNS: process.env.CNI_NETNS ?? `/run/netns/${container}`,
      CNI_IFNAME: process.env.CNI_IFNAME ?? 'eth0',
      CNI_PATH: folders.join(':'),
    },
  })
  return { status, output: stdout, errors: stderr }
}

const fail = (type: string, output: string): never => {
  const { code, msg, details } = JSON.parse(output || '{}') as Record<string, unknown>
  process.stdout.write(`${JSON.stringify({ failed: type, code, msg, details })}\n`)
  process.exit(1)
}

let result: unknown =
  command === 'ADD' || !existsSync(kept) ? undefined : JSON.parse(readFileSync(kept, 'utf8'))
for (const plugin of command === 'DEL' ? list.plugins.toReversed() : list.plugins) {
  const { status, output, errors } = runPlugin(plugin, result)
  if (plugin.type === 'natspace') process.stderr.write(errors)
  if (status !== 0) fail(plugin.type, output)
  if (command === 'ADD') result = JSON.parse(output)
}
if (command === 'ADD') {
  mkdirSync('/run/results', { recursive: true })
  writeFileSync(kept, JSON.stringify(result))
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
if (command === 'DEL') rmSync(kept, { force: true })
