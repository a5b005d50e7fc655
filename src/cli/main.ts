import { processSink } from './output.ts'
import { run } from './run.ts'
import { endOfStages } from './timeline/stages.ts'

/** Whether a container runtime has started the executable as its plugin: it says so, and gives no arguments. */
const isPlugin = process.env.CNI_COMMAND !== undefined && process.argv.length === 2

const start = (): Promise<number> =>
  isPlugin
    ? import('./plugin.ts').then(({ runAsPlugin }) => runAsPlugin(process.env))
    : run(process.argv.slice(2), process.env, processSink)

const startTimed = async (): Promise<number> => {
  const began = performance.now()
  const { beginTimeline } = await import('./timeline/timeline.ts')
  beginTimeline(began, text => processSink.err(text))
  return start()
}

const work = (process.env.NATSPACE_TIMELINE ?? '') === '' ? start() : startTimed()

/** The command `natspace`. No top-level await: the executable is built as bytecode, which has none. */
void work.then(status => {
  endOfStages()
  // At once: everything is written, and nothing that is still loaded has to be taken down in order.
  process.exit(status)
})
