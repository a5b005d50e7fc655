import { ip, match, meta, snat } from '../../linux/nftables/index.ts'
import { setLink } from '../../linux/rtnetlink/link.ts'
import { aliasOf, tableName } from '../../space/marks.ts'
import { beginWork } from '../../space/state/journal.ts'
import { readSpaceRecord, recordPath, recordText, statePaths } from '../../space/state/records.ts'
import { labFailed, network } from '../places.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world.ts'

const { space, host1, host2 } = network
const paths = statePaths()

const recordOf = (world: World) => {
  const record = readSpaceRecord(world.kernel, paths, space.name)
  if (record === undefined) throw labFailed('the space has no record')
  return record
}

/** Writes another text into the record of the space; the right one comes back. */
const rewrite = (world: World, text: string): void => {
  const path = recordPath(paths, space.name)
  const before = recordText(recordOf(world))
  const write = (content: string) =>
    world.kernel.change([{ type: 'file.write', path, text: content, mode: 0o600 }])
  write(text)
  world.later(() => write(before))
}

/** natspace's own state, and sources that cannot be. */
export const stateScenarios: readonly Scenario[] = [
  {
    code: 'RT-MARTIAN',
    title: 'the namespace translates what it sends to an address of the host',
    byHand: 'cable',
    inject: world =>
      world.table(world.inside, {
        family: 'ip',
        table: 'wrong',
        chains: [
          {
            name: 'out',
            hook: 'postrouting',
            type: 'nat',
            priority: 100,
            policy: 'accept',
            rules: [
              [match(ip('saddr'), space.address), match(meta('oifname'), space.interface), snat('ip', host1)],
            ],
          },
        ],
      }),
  },
  {
    code: 'RT-WRONGWAY',
    title: 'a route inside leads host2 into the loopback',
    inject: world => world.addRoute(world.inside, { destination: `${host2}/32`, outputIndex: 1 }),
  },
  {
    code: 'REFUSED',
    title: 'nobody listens at the port of host2',
    isNote: true,
    to: { family: 4, protocol: 'tcp', address: host2, port: 9 },
    inject: () => {},
  },
  {
    code: 'ST-DRIFT',
    title: 'a chain of natspace is emptied that no packet of the probe needs',
    inject: world =>
      world.nft(undefined, { type: 'chain.flush', family: 'inet', table: tableName, chain: 'redirects' }),
  },
  {
    code: 'ST-HALF',
    title: 'natspace was ended in the middle of a change',
    inject: world =>
      beginWork(world.kernel, paths, { [space.name]: { doing: 'up', before: recordOf(world) } }),
  },
  {
    code: 'ST-ORPHAN',
    title: 'a cable of a space is left of which nothing else is',
    inject: world => {
      world.deadEnd('ghost')
      const { index } = world.link(undefined, 'ghost-port')
      world.route(undefined, setLink(index, { alias: aliasOf('ghost') }))
    },
  },
  {
    code: 'ST-BOOT',
    title: 'the machine was started anew, and the record of the space is older',
    inject: world => {
      rewrite(world, recordText({ ...recordOf(world), bootId: '00000000-0000-0000-0000-000000000000' }))
      world.change({ type: 'namespace.delete', path: world.inside })
    },
  },
  {
    code: 'ST-POOLFULL',
    title: 'routes cover every network that natspace chooses from',
    isNote: true,
    inject: world => {
      const { index } = world.deadEnd('vpn')
      for (const destination of ['10.128.0.0/9', '172.30.0.0/15', '192.168.192.0/18'])
        world.addRoute(undefined, { destination, outputIndex: index })
    },
  },
  {
    code: 'ST-LOCK',
    title: 'another natspace holds the lock',
    isNote: true,
    inject: world => {
      const lock = world.kernel.tryLock(paths.lock)
      world.later(() => lock?.[Symbol.dispose]())
    },
  },
  {
    code: 'ST-VERSION',
    title: 'the record was written by another version',
    inject: world =>
      rewrite(world, recordText(recordOf(world)).replace('"schemaVersion": 1', '"schemaVersion": 99')),
  },
]
