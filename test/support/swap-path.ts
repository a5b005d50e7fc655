/**
 * A worker that leads a path to one folder after the other, without a moment in which it leads nowhere, until it is told to
 * stop.
 */
import { renameSync, symlinkSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

type Task = { path: string; folders: string[]; going: Int32Array; longest: number }

const { path, folders, going, longest } = workerData as Task
for (let turn = 0; Atomics.load(going, 0) === 1; turn++) {
  const next = `${path}.next`
  symlinkSync(folders[turn % folders.length] ?? '', next)
  renameSync(next, path)
  // Milliseconds; sometimes long enough for a whole request, sometimes not.
  Atomics.wait(going, 0, 1, Math.random() * longest)
}
