/** Prints natspace's table of the namespace that it is run in, as our own text: what `nft list table` is compared with. */
import { Connection } from '../../src/linux/netlink/connection.ts'
import { NETLINK_NETFILTER, readRuleset, tableText } from '../../src/linux/nftables/index.ts'

using connection = Connection.open(NETLINK_NETFILTER)
const [table] = readRuleset(connection, { family: 'inet', table: 'natspace' }).tables
if (table === undefined) throw new Error('There is no table inet natspace')
process.stdout.write(tableText(table))
