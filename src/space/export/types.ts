/** What an export consists of: files, by where they belong, and what has to be said about them. */
export type Export = {
  files: ExportFile[]
  /** What cannot be said in that form, or means something else there. */
  notes: string[]
}

export type ExportFile = { path: string; text: string }
