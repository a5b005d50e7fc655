import type { Texts } from '../texts.ts'

export const lesson: Texts['lesson'] = {
  heading: 'lesson',
}
