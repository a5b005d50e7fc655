/** Waits so many milliseconds without giving the event loop a turn: what speaks to the kernel here is synchronous. */
export const pause = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}
