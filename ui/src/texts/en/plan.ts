/** The view `plan`. */
export const plan = {
  heading: 'plan',
}
