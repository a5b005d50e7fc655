/** What the library's users run it on. NATSPACE_TEST_RUNTIME, `node` or `bun`, leaves the other to another run. */
import { fileURLToPath } from 'node:url'

const both = [
  { name: 'Node', path: process.execPath },
  { name: 'Bun', path: fileURLToPath(new URL('../../node_modules/.bin/bun', import.meta.url)) },
]
const only = process.env.NATSPACE_TEST_RUNTIME

export const runtimes = both.filter(({ name }) => only === undefined || name.toLowerCase() === only)
if (runtimes.length === 0) throw new Error(`NATSPACE_TEST_RUNTIME is ${only}, not node or bun`)
