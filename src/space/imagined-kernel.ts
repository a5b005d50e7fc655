import type { Kernel } from '../linux/kernel.ts'

/** A kernel of which some questions are answered otherwise: for plans about a host that is not quite as it is. */
export const imaginedKernel = (kernel: Kernel, instead: Partial<Kernel>): Kernel =>
  new Proxy(kernel, {
    get: (target, key) => {
      const own: unknown = Reflect.get(instead, key)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
