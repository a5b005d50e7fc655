/**
 * How wide a text will be, in the units of the drawing. It is reckoned and not measured, so that the layout is the same
 * everywhere and can be tested without a browser: a monospace character is 0.602 of its size wide in the fonts there
 * are, others 0.56 on average, and those of Chinese, Japanese and Korean as wide as high.
 */
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/

export const widthOf = (text: string, size: number, font: 'sans' | 'mono', weight = 400): number => {
  const narrow = font === 'mono' ? 0.602 : weight >= 600 ? 0.6 : 0.56
  let width = 0
  for (const character of text) width += (wide.test(character) ? 1 : narrow) * size
  return width
}

/** A text that would be wider than this, with its end left out. */
export const fitted = (text: string, most: number): string =>
  [...text].length <= most ? text : `${[...text].slice(0, most - 1).join('')}…`
