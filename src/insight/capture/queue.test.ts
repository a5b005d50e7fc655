import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Queue } from './queue.ts'

test('gives back what it was given, in order, however much at a time', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })))
  fc.assert(
    fc.property(steps, all => {
      const queue = new Queue<number>()
      const plain: number[] = []
      let next = 0
      for (const [pushed, taken] of all) {
        for (let i = 0; i < pushed; i++) {
          queue.push(next)
          plain.push(next++)
        }
        expect(queue.take(taken)).toEqual(plain.splice(0, taken))
        expect(queue.length).toBe(plain.length)
        expect(queue.at(0)).toBe(plain[0])
        expect(queue.at(plain.length - 1)).toBe(plain.at(-1))
      }
    }),
  )
})
