import type { Texts } from '../texts.ts'

export const doctor: Texts['doctor'] = {
  heading: 'doctor',
}
