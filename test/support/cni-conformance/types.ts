/** What one request gave. */
export type Reply = { status: number; stdout: string; stderr: string }

/** What the script of one case printed. */
export type Run = {
  replies: readonly Reply[]
  /** Everything that is no reply. */
  lines: readonly string[]
  /** The script itself did not come to its end. */
  failed: boolean
}

/** One thing that the specification asks of a plugin, in our words, and how it is tried. */
export type Conformance = {
  id: string
  /** Where in the specification. */
  section: string
  level: 'must' | 'should' | 'may'
  says: string
  /** Shell; see host.ts for its helpers. */
  script: string
  /** Throws where the plugin does not do it. */
  holds: (run: Run) => void
}
