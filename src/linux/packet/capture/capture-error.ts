/** Why an interface cannot be captured at, beyond what the kernel says. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError'
  readonly interface: number
  readonly reason: string

  constructor(index: number, reason: string) {
    super(`Cannot capture at interface ${index}: ${reason}`)
    this.interface = index
    this.reason = reason
  }
}
