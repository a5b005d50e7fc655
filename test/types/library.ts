/**
 * The library's public types, as a program has them that installs it. Compiled and never run; test/node/package.test.mjs
 * does so, against the package itself and without skipLibCheck.
 */
import type { ChildProcess } from 'node:child_process'
import type { Server } from 'node:net'
import * as natspace from 'natspace'
import { type Equal, holds } from './equal.ts'

// up: everything may be left out, what is there is checked, and its result is a space that can be disposed of.
holds<Equal<Awaited<ReturnType<typeof natspace.up>>, natspace.Space>>()
holds<Equal<Parameters<typeof natspace.up>[0], natspace.SpaceOptions | undefined>>()
holds<Equal<Parameters<typeof natspace.up>[1], natspace.Surroundings | undefined>>()
natspace.up()
natspace.up({ name: 'web', publish: ['8080:80', 9090], dns: ['9.9.9.9'], mtu: 1400, internal: true })
natspace.up({ ipv6: true, egress: { allow: ['192.0.2.0/24'] }, connect: ['db'], rate: { up: '10mbit' } })
natspace.up({ name: 'web' }, { state: '/run/mine', lockPatience: 1000 })
natspace.down('web', {
  onProgress: ({ phase, done, total }) => {
    holds<Equal<typeof phase, natspace.Phase>>()
    console.log(done / (total ?? 1))
  },
})
// @ts-expect-error a port is a string or a number, in a list
natspace.up({ publish: '8080:80' })
// @ts-expect-error there is no such key
natspace.up({ nmae: 'web' })
// @ts-expect-error a name is a string
natspace.up({ name: 7 })

// A space.
declare const space: natspace.Space
holds<Equal<typeof space.name, string>>()
holds<Equal<typeof space.address6, string | undefined>>()
holds<Equal<ReturnType<typeof space.exec>, Promise<natspace.ProgramResult>>>()
holds<Equal<natspace.ProgramResult['exitCode'], number | null>>()
holds<Equal<ReturnType<typeof space.spawn>, ChildProcess>>()
holds<Equal<ReturnType<typeof space.down>, Promise<void>>>()
holds<Equal<ReturnType<typeof space.status>, Promise<natspace.SpaceStatus>>>()
holds<Equal<ReturnType<typeof space.trace>, Promise<natspace.Story>>>()
space.exec('ip', ['route'], { timeout: 1000, input: 'text' })
// @ts-expect-error its fields are not to be changed
space.name = 'other'
// @ts-expect-error it is made by up and open
space.exec(['ip', 'route'])
declare const server: Server
const result = space.inside(() => server.listen(80))
holds<Equal<typeof result, Server>>()
const disposable: AsyncDisposable = space
export const useOf = async (): Promise<string> => {
  await using own = await natspace.up()
  return own.address
}

// Several, plans, what is there.
holds<Equal<Awaited<ReturnType<typeof natspace.upAll>>, natspace.Space[]>>()
holds<Equal<Awaited<ReturnType<typeof natspace.list>>, string[]>>()
holds<Equal<Awaited<ReturnType<typeof natspace.plan>>['operations'], natspace.Operation[]>>()
holds<Equal<Awaited<ReturnType<typeof natspace.down>>['problems'], natspace.NatspaceError[]>>()
natspace.down('web')
natspace.down(['web', 'db'])
natspace.plan([{ name: 'web' }, { name: 'db' }])

// What changes is a union that is told apart by its type, and by its event within that.
export const readChanges = async (signal: AbortSignal): Promise<string[]> => {
  const words: string[] = []
  for await (const report of natspace.changes({ signal, names: ['web'] })) {
    holds<Equal<typeof report, natspace.WatchReport>>()
    if (report.type === 'snapshot') words.push(...report.spaces.map(({ name }) => name))
    else if (report.type === 'lost') words.push(report.channel)
    else if (report.type === 'end') words.push(`${report.repairs}`)
    else if (report.event === 'repaired') words.push(...report.spaces, `${report.milliseconds}`)
    else if (report.event === 'failed') words.push(report.error.code)
    else if (report.event === 'space') holds<Equal<typeof report.change, 'up' | 'changed' | 'down'>>()
    // @ts-expect-error only some events have an error
    else words.push(report.error)
  }
  return words
}
holds<Equal<natspace.WatchReport['type'], 'snapshot' | 'event' | 'lost' | 'end'>>()

// So are flows and packets.
export const readFlows = async (signal: AbortSignal): Promise<string[]> => {
  const words: string[] = []
  for await (const report of space.flows({ signal, filter: 'tcp', from: 'any', timeout: 500 })) {
    holds<Equal<typeof report, natspace.FlowReport>>()
    if (report.type === 'event') words.push(report.story.end.reason, `${report.flow}`)
    else if (report.type === 'lost') holds<Equal<typeof report.place, 'inside' | 'host'>>()
    // @ts-expect-error only an event has a story
    else words.push(report.story)
  }
  for await (const report of space.packets({ signal, filter: 'icmp', snapLength: 96 })) {
    holds<Equal<typeof report, natspace.PacketReport>>()
    if (report.type !== 'event') continue
    holds<Equal<typeof report.bytes, Uint8Array<ArrayBufferLike>>>()
    holds<Equal<typeof report.nanoseconds, bigint>>()
    words.push(report.summary, report.point.name, ...report.same.map(({ relation }) => relation))
  }
  return words
}
// @ts-expect-error a filter is a text
space.flows({ filter: 7 })
natspace.status('web')
natspace.status(['web', 'db'])
space.exec('ip', ['route'], { mounts: false })
space.spawn('ip', ['route'], { stdio: 'inherit', mounts: false })

// Errors have their facts as fields.
export const factsOf = (error: unknown): string[] => {
  if (error instanceof natspace.NatspaceError) {
    holds<Equal<typeof error.exit, natspace.ExitStatus>>()
    holds<Equal<typeof error.fix, string[]>>()
    return [error.code, error.what, error.why, ...error.evidence]
  }
  return error instanceof natspace.ProgramFailure ? [error.result.stderr] : []
}
holds<Equal<natspace.StoryEnd['outcome'], 'answered' | 'refused' | 'delivered' | 'dropped' | 'lost'>>()

export { disposable }
