import type { Where } from '../../../linux/change.ts'
import type { Kernel } from '../../../linux/kernel.ts'
import type { PipelineHook } from '../../protocol.ts'
import { readPipeline } from '../pipeline.ts'

/** Pipelines that are compared with what was read before. */
const mostKept = 16

type Kept = { generation: number; text: string; pipeline: PipelineHook[] }

/**
 * Pipelines of namespaces, read anew only where the ruleset has changed. One that is as before is the same object: many
 * walks hold it, and it takes the room of one.
 */
export class Pipelines {
  readonly #kept = new Map<string, Kept>()

  /** Throws what `Kernel.ruleset` and `Kernel.links` throw. */
  read(kernel: Kernel, where: Where, family: 4 | 6): PipelineHook[] {
    const key = `${family} ${where ?? ''} ${kernel.namespaceIdentity(where) ?? ''}`
    const generation = kernel.rulesetGeneration(where)
    const known = this.#kept.get(key)
    if (known?.generation === generation) return known.pipeline
    const pipeline = readPipeline(kernel, where, family)
    const text = JSON.stringify(pipeline)
    const kept = { generation, text, pipeline: known?.text === text ? known.pipeline : pipeline }
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostKept) break
      this.#kept.delete(oldest)
    }
    return kept.pipeline
  }
}
