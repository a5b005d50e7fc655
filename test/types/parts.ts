/** The types of the subpaths, each alone. See library.ts. */
import { type Flow, listFlows } from 'natspace/conntrack'
import { type Kernel, LinuxKernel, statePaths, status, up, validateSpec } from 'natspace/engine'
import { Connection, NetlinkError } from 'natspace/netlink'
import { NETLINK_NETFILTER, type Ruleset, type readRuleset } from 'natspace/nftables'
import { compileFilter, type decodePacket, type Packet } from 'natspace/packet'
import { FakeKernel, failingKernel, runInSandbox, type SandboxResult } from 'natspace/testing'
import { type Equal, holds } from './equal.ts'

declare const connection: Connection
holds<Equal<ReturnType<typeof listFlows>, Flow[]>>()
holds<Equal<ReturnType<typeof readRuleset>, Ruleset>>()
holds<Equal<ReturnType<typeof decodePacket>, Packet>>()
export const opened: Connection = Connection.open(NETLINK_NETFILTER)
export const flows = listFlows(connection, [{ protocol: 17 }])
export const program = compileFilter('udp port 53').program
export const codeOf = (error: unknown): string | undefined =>
  error instanceof NetlinkError ? error.code : undefined

// Both kernels are kernels, and the engine takes either.
const kernels: Kernel[] = [new FakeKernel(), failingKernel(new FakeKernel(), { at: 3 }), new LinuxKernel()]
for (const kernel of kernels) {
  const context = { kernel, paths: statePaths() }
  up(context, [validateSpec('web', { publish: ['8080:80'] })])
  status(context)
}
// @ts-expect-error a spec is checked first
up({ kernel: new FakeKernel(), paths: statePaths() }, [{ publish: 7 }])

holds<Equal<ReturnType<typeof runInSandbox>, Promise<SandboxResult>>>()
runInSandbox(['node', '--test'], { output: 'inherit', timeout: 1000, uplink: false })
// @ts-expect-error a command is a list of words
runInSandbox('node --test')
