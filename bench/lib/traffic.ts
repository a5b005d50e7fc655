/** A tool that is fast because it does not do the job is not fast: trial connections both ways. */
import { join } from 'node:path'
import { BenchFailure, environment } from './process.ts'

const inside = (namespace: string, ...rest: readonly string[]): string[] => [
  'nsenter',
  `--net=/run/netns/${namespace}`,
  process.execPath,
  join(import.meta.dirname, 'traffic-end.ts'),
  ...rest,
]

/** The address that a server sees its client come from, or undefined when the connection fails. */
async function seenFrom(
  server: { namespace: string; address: string; port: string },
  client: { namespace: string; to: string; port: string },
): Promise<string | undefined> {
  const options = { env: environment, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' } as const
  const serving = Bun.spawn(inside(server.namespace, 'serve', server.address, server.port), options)
  try {
    await serving.stdout.getReader().read()
    const asking = Bun.spawn(inside(client.namespace, 'ask', client.to, client.port), options)
    const answer = await new Response(asking.stdout).text()
    return (await asking.exited) === 0 && answer !== '' ? answer.trim() : undefined
  } finally {
    serving.kill()
    await serving.exited
  }
}

/**
 * Proves that the space of the reference experiment is connected: from inside the outside is reached and sees host1's
 * address, and from outside the published port is answered. Throws a BenchFailure that says which is not so.
 */
export async function proveConnected(name: string): Promise<void> {
  const outbound = await seenFrom(
    { namespace: 'outside', address: '192.168.1.1', port: '7000' },
    { namespace: 'myspace', to: '192.168.1.1', port: '7000' },
  )
  if (outbound !== '192.168.1.32')
    throw new BenchFailure(`${name}: outside sees ${outbound ?? 'nothing'} in place of 192.168.1.32`)
  const inbound = await seenFrom(
    { namespace: 'myspace', address: '192.168.45.3', port: '80' },
    { namespace: 'outside', to: '192.168.1.32', port: '8080' },
  )
  if (inbound === undefined) throw new BenchFailure(`${name}: the published port 8080 does not answer`)
}
