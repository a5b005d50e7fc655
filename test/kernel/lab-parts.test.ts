import { expect, test } from 'bun:test'
import { join } from 'node:path'

/**
 * The parts of the lab, each in new namespaces inside those of the test: that its proofs fail when what they claim is
 * not so, and that it works on a kernel without bridges.
 */

const source = (path: string) => JSON.stringify(join(import.meta.dir, '../../src', path))

const prelude = `
  import { writeFileSync } from 'node:fs'
  import { LinuxKernel } from ${source('linux/linux.ts')}
  import { mountFileSystem } from ${source('linux/sys/namespace.ts')}
  import { statePaths } from ${source('space/state/records.ts')}
  import { proveConnected } from ${source('lab/experiment.ts')}
  import { proveNothingLeft, takeSettledSnapshot } from ${source('lab/leftovers.ts')}
  import { walkEcho } from ${source('lab/echo-walk.ts')}
  import { provePublished } from ${source('lab/experiment.ts')}
  import { showInbound } from ${source('lab/inbound.ts')}
  import { walkPublished } from ${source('lab/inbound-walk.ts')}
  import { answeredRows, captureProofs, proveOnePacket } from ${source('lab/prove-captures.ts')}
  import { inboundProofs } from ${source('lab/prove-inbound.ts')}
  import { replyProofs, walkProofs } from ${source('lab/prove-walk.ts')}
  import { articleOutside, topics } from ${source('space/text/topics.ts')}
  import { showOutbound } from ${source('lab/outbound.ts')}
  import { bringUp, stageOf } from ${source('lab/run.ts')}
  import { showSameIdentifier } from ${source('lab/same-identifier.ts')}
  import { Screen } from ${source('lab/screen.ts')}
  import { buildTopology } from ${source('lab/topology.ts')}
  import { attempt } from ${source('lab/attempt.ts')}
  import { failureProofs, proveCable, proveCured } from ${source('lab/without.ts')}
  import { teller } from ${source('cli/lab/teller.ts')}
  mountFileSystem('tmpfs', '/run', 'mode=755')
  const kernel = new LinuxKernel()
  const context = { kernel, paths: statePaths('/run/natspace') }
  const screen = new Screen({ silent: true, colours: false })
  const change = change => {
    const [outcome] = kernel.change([change])
    if (outcome !== 'done') throw outcome
  }
  const failWithout = async step => {
    const stage = stageOf(context, teller)
    return [proveCable(), ...failureProofs(step, await attempt(stage), stage)]
  }
  const print = value => process.stdout.write(JSON.stringify(value))
`

/** Runs a program in namespaces of its own and returns what it printed. */
const inNewNamespaces = <T>(program: string): T => {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    ['unshare', '--net', '--mount', '--propagation', 'private', process.execPath, '-e', prelude + program],
    { stdin: 'ignore', timeout: 30_000 },
  )
  expect(stderr.toString()).toBe('')
  expect(exitCode).toBe(0)
  return JSON.parse(stdout.toString()) as T
}

type Proof = { name: string; ok: boolean; seen: string }

test('with the table of natspace gone the ping is not proven, and the routes still are', () => {
  const proofs = inNewNamespaces<Proof[]>(`
    buildTopology(kernel)
    await bringUp(screen, context)
    const commands = [{ type: 'table.delete', family: 'inet', table: 'natspace' }]
    change({ type: 'nftables.commit', where: undefined, commands, generation: undefined })
    const proofs = []
    for (const proof of proveConnected(kernel)) if (proofs.push(proof) === 3) break
    print(proofs)
  `)
  expect(proofs.map(({ name, ok }) => [name, ok])).toEqual([
    ['the routes of host1', true],
    ['the routes of myspace', true],
    ['ping 192.168.1.15 from myspace', false],
  ])
  expect(proofs[2]?.seen).toContain('no answer to 3 requests; host2 heard 192.168.45.3 > 192.168.1.15')
})

test('no sentence of the walks is proven where it is not so', () => {
  const failed = inNewNamespaces<Record<string, string[]>>(`
    buildTopology(kernel)
    await bringUp(screen, context)
    const stage = stageOf(context, teller)
    // The host looks its neighbours up before anything is measured.
    for (const _ of proveConnected(kernel));
    const commands = [{ type: 'table.delete', family: 'inet', table: 'natspace' }]
    change({ type: 'nftables.commit', where: undefined, commands, generation: undefined })
    const failed = proofs => proofs.filter(proof => !proof.ok).map(proof => proof.name)
    const { resolved } = stage
    const out = await walkEcho(kernel, resolved, 300)
    const { met, walk } = await walkPublished(kernel, resolved, 300, provePublished)
    print({
      captures: failed([...captureProofs('echo', out.rows, answeredRows, teller), proveOnePacket('echo', out.rows)]),
      walk: failed(walkProofs(out, topics.walk(resolved, articleOutside), teller)),
      reply: failed(replyProofs(out, topics.reply(resolved, articleOutside), teller)),
      inbound: failed(inboundProofs(walk, topics.inbound(resolved, articleOutside), met, teller)),
    })
  `)
  expect(failed).toEqual({
    captures: [
      'echo at myspace veth2',
      'echo at host1 veth1',
      'echo at host1 eth0',
      'echo at host2 eth0',
      'echo is one packet at all of them',
    ],
    // The routes to and from the cable are there all the same.
    walk: [
      'the walk, 1: PREROUTING',
      'the walk, 2: routing decision (steps 7 and 9)',
      'the walk, 4: POSTROUTING (step 8)',
      'the walk, 5: out',
    ],
    reply: [
      'the reply: reversed by connection tracking',
      'the reply: routed to the cable, and accepted',
      'the reply: delivered inside',
    ],
    // It does come in.
    inbound: [
      'inbound, 2: PREROUTING (DNAT)',
      'inbound, 3: routing decision (steps 7 and 9)',
      'inbound, 4: the route',
      'inbound, 5: POSTROUTING',
      'inbound, 6: through the cable',
      'inbound, 7: the server receives it',
    ],
  })
})

test('a route too many is no proof of the routes', () => {
  const [proof] = inNewNamespaces<Proof[]>(`
    buildTopology(kernel)
    await bringUp(screen, context)
    const { index } = kernel.links(undefined).find(link => link.name === 'eth0')
    change({ type: 'route.add', where: undefined, name: 'eth0', index, destination: '10.0.0.0/8', gateway: '192.168.1.1' })
    for (const proof of proveConnected(kernel)) {
      print([proof])
      break
    }
  `)
  expect(proof).toMatchObject({ name: 'the routes of host1', ok: false })
  expect(proof?.seen).toContain('10.0.0.0/8 via 192.168.1.1 dev eth0')
})

test('where the space is whole, no step counts as left out', () => {
  const proofs = inNewNamespaces<Record<string, Proof[]>>(`
    buildTopology(kernel)
    await bringUp(screen, context)
    const stage = stageOf(context, teller)
    const seen = await attempt(stage)
    print(Object.fromEntries([6, 7, 8, 9].map(step => [step, failureProofs(step, seen, stage)])))
  `)
  for (const step of ['6', '7', '8', '9']) {
    const failed = (proofs[step] ?? []).filter(proof => !proof.ok)
    expect(failed.length).toBeGreaterThanOrEqual(3)
  }
})

test('whatever is left behind is noticed, each by the proof of its kind', () => {
  const proofs = inNewNamespaces<Proof[]>(`
    buildTopology(kernel)
    const before = await takeSettledSnapshot(kernel)
    const where = undefined
    change({
      type: 'veth.add', where, name: 'left', index: 90, address: '02:00:00:00:00:90', mtu: undefined,
      peer: { where: '/run/netns/host2', name: 'left', index: 91, address: '02:00:00:00:00:91', mtu: undefined },
    })
    const { index } = kernel.links(where).find(link => link.name === 'eth0')
    change({ type: 'address.add', where, name: 'eth0', index, address: '10.9.8.7', prefixLength: 24 })
    change({ type: 'sysctl.set', where, key: 'net.ipv4.ip_forward', value: '1' })
    const commands = [{ type: 'table.add', family: 'inet', table: 'left' }]
    change({ type: 'nftables.commit', where, commands, generation: undefined })
    writeFileSync('/run/left', '')
    print(proveNothingLeft(before, await takeSettledSnapshot(kernel)))
  `)
  expect(proofs.filter(proof => proof.ok).map(proof => proof.name)).toEqual([
    'nothing is left: routing rules',
  ])
  const seen = (kind: string) => proofs.find(proof => proof.name === `nothing is left: ${kind}`)?.seen
  expect(seen('links')).toContain('"name":"left"')
  expect(seen('addresses')).toContain('"address":"10.9.8.7"')
  expect(seen('routes')).toContain('10.9.8.0/24')
  expect(seen('nft ruleset')).toContain('+ table inet left')
  expect(seen('files and namespaces')).toContain('+ /run/left')
})

test('without bridges the LAN is a router with proxy ARP, and everything is proven just the same', () => {
  const { kind, proofs } = inNewNamespaces<{ kind: string; proofs: Proof[] }>(`
    const kind = buildTopology(kernel, { bridges: false })
    await bringUp(screen, context)
    const connected = [...proveConnected(kernel)]
    const stage = stageOf(context, teller)
    const outbound = await showOutbound(screen, stage)
    const identifiers = await showSameIdentifier(screen, context, stage)
    const inbound = await showInbound(screen, stage)
    print({ kind, proofs: [connected, outbound.proofs, identifiers.proofs, inbound.proofs].flat() })
  `)
  expect(kind).toBe('proxy-arp')
  expect(proofs.length).toBeGreaterThan(20)
  expect(proofs.filter(proof => !proof.ok)).toEqual([])
})

test('without bridges, too, the answer to an inside address ends at the router', () => {
  const proofs = inNewNamespaces<Proof[]>(`
    buildTopology(kernel, { bridges: false })
    await bringUp(screen, context, { without: [8] })
    const failure = await failWithout(8)
    await bringUp(screen, context, { again: true })
    print([...failure, proveCured(8)])
  `)
  expect(proofs.map(proof => [proof.name, proof.ok])).toEqual([
    ['the cable itself works', true],
    ['the echo at myspace veth2', true],
    ['the echo at host1 veth1', true],
    ['the echo at host1 eth0', true],
    ['the echo at lan to-host2', true],
    ['the echo at host2 eth0', true],
    ['ping 192.168.1.15 fails', true],
    ['connect to 192.168.1.15 fails', true],
    ['where the packet ends', true],
    ['the request does reach host2', true],
    ['the answer never comes back', true],
    ['with step 8', true],
  ])
})
