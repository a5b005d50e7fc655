/** Run in a sandbox by the runtime of the tests: `prober.ts <PLAN >REPORT`, both JSON. */
import { readFileSync } from 'node:fs'
import { exchange, type Probe, type Server } from './exchange.ts'

const { servers, probes } = JSON.parse(readFileSync(0, 'utf8')) as { servers: Server[]; probes: Probe[] }
process.stdout.write(`${JSON.stringify(exchange(servers, probes))}\n`)
