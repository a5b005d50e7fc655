/** What every benchmark is told. */
export type BenchOptions = {
  /** The path of the compiled command. */
  readonly program: string
  readonly warmUps: number
  readonly rounds: number
  /** Tells the user how far it is. */
  readonly progress: (text: string) => void
}
