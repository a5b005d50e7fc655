/** The view `lesson`. */
export const lesson = {
  heading: 'lesson',
}
