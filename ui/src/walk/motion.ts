/** Whether whoever looks has asked the system for less motion: then nothing moves by itself. */
export const isMotionReduced = (): boolean =>
  typeof matchMedia === 'function' && matchMedia('(prefers-reduced-motion: reduce)').matches
