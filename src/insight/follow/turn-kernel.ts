import type { Where } from '../../linux/change.ts'
import type { Kernel } from '../../linux/kernel.ts'
import type { RouteQuery } from '../../linux/rtnetlink/route.ts'
import type { AskedKernel } from '../trace/surroundings.ts'

/** The kernel as it is asked for the stories of one turn: each list is read once, however many flows end in it. */
export class TurnKernel implements AskedKernel {
  readonly #kernel: AskedKernel
  readonly #known = new Map<string, unknown>()

  constructor(kernel: AskedKernel) {
    this.#kernel = kernel
  }

  links(where: Where): ReturnType<Kernel['links']> {
    return this.#once(`links ${where}`, () => this.#kernel.links(where))
  }

  routes(where: Where): ReturnType<Kernel['routes']> {
    return this.#once(`routes ${where}`, () => this.#kernel.routes(where))
  }

  rules(where: Where): ReturnType<Kernel['rules']> {
    return this.#once(`rules ${where}`, () => this.#kernel.rules(where))
  }

  neighbours(where: Where): ReturnType<Kernel['neighbours']> {
    return this.#once(`neighbours ${where}`, () => this.#kernel.neighbours(where))
  }

  sysctl(where: Where, key: string): string | undefined {
    return this.#once(`sysctl ${where} ${key}`, () => this.#kernel.sysctl(where, key))
  }

  /** Each packet has a question of its own. */
  lookUpRoute(where: Where, query: RouteQuery): ReturnType<Kernel['lookUpRoute']> {
    return this.#kernel.lookUpRoute(where, query)
  }

  #once<T>(question: string, ask: () => T): T {
    if (!this.#known.has(question)) this.#known.set(question, ask())
    return this.#known.get(question) as T
  }
}
