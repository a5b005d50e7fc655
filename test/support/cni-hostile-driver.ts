/** Sends mutated requests to the executable, one process each: `bun cni-hostile-driver.ts EXECUTABLE COUNT`. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { hostileRequests } from './cni-mutations.ts'

const [executable = '', count = '0'] = process.argv.slice(2)

/** What is wrong with an answer; undefined for one as the specification has it. */
const complaintOf = (status: number | null, text: string): string | undefined => {
  if (status !== 0 && status !== 1) return `it ended with ${status}`
  if (text === '') return status === 0 ? undefined : 'it failed without a word'
  try {
    const { code, cniVersion } = JSON.parse(text) as { code?: unknown; cniVersion?: unknown }
    if (typeof cniVersion !== 'string') return 'its answer has no version'
    // 106 is a mistake of natspace itself.
    if (status === 1 && (typeof code !== 'number' || code < 1 || code === 106))
      return 'it is no error that is known'
    return undefined
  } catch {
    return 'its answer is not JSON'
  }
}

let left = Number(count)
for (const { environment, text } of hostileRequests(20261124)) {
  // Without it, it is no request to a plugin.
  if (!environment.CNI_COMMAND) continue
  if (left-- === 0) break
  const { status, stdout } = spawnSync(executable, [], {
    env: environment,
    input: text,
    encoding: 'utf8',
    timeout: 60_000,
  })
  const complaint = complaintOf(status, stdout)
  if (complaint !== undefined)
    process.stdout.write(`${complaint}: ${JSON.stringify(environment)} ${text}\n${stdout}\n`)
  process.stdout.write(`status ${status}\n`)
  // What was right after all is taken away again.
  if (existsSync('/run/natspace/spaces')) spawnSync(executable, ['down', '-q', '--all'], { timeout: 60_000 })
}
