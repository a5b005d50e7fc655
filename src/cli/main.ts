import { processSink } from './output.ts'
import { run } from './run.ts'

/** The command `natspace`. No top-level await: the executable is built as bytecode, which has none. */
void run(process.argv.slice(2), process.env, processSink).then(status => {
  // At once: everything is written, and nothing that is still loaded has to be taken down in order.
  process.exit(status)
})
