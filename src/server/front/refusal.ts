import type { Failure } from '../protocol.ts'

/** An answer that is no: the status of HTTP, and what it says. Thrown, and sent by the one place that catches. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly failure: Failure['error']
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    why: string,
    { evidence = [], fix = [], headers = {} }: RefusalDetails = {},
  ) {
    super(why)
    this.status = status
    this.failure = { code, what: 'cannot answer this request', why, evidence, fix }
    this.headers = headers
  }
}

export type RefusalDetails = {
  evidence?: string[]
  fix?: string[]
  headers?: Readonly<Record<string, string>>
}
