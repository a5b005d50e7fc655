/** The view `doctor`. */
export const doctor = {
  heading: 'doctor',
}
