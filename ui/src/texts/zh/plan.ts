import type { Texts } from '../texts.ts'

export const plan: Texts['plan'] = {
  heading: 'plan',
}
