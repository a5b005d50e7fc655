import { randomInt } from 'node:crypto'

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Of a space that was given none: one of 2,176,782,336. */
export const randomName = (): string =>
  `ns-${Array.from({ length: 6 }, () => letters[randomInt(letters.length)]).join('')}`
