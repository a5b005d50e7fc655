// `npm run check`: exactly what CI runs.
import { main, run } from './lib/run.mjs'

main(() => run('bash', ['.ci/run']))
