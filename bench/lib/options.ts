import type { Report } from './report.ts'

/** What every benchmark is told. */
export type BenchOptions = {
  /** The path of the compiled command. */
  readonly program: string
  readonly warmUps: number
  readonly rounds: number
  /** Tells the user how far it is. */
  readonly progress: (text: string) => void
}

/** A benchmark, with as many rounds as are worth their time when nobody says how many. */
export type Section = {
  readonly run: (options: BenchOptions) => Promise<Report>
  readonly warmUps: number
  readonly rounds: number
}
