export { wrap } from '../space/text/wrap.ts'

/** `Step 8: translate the source address`, or the title alone, with a capital letter. */
export const stepTitle = (number: number | undefined, title: string): string =>
  number === undefined ? title.charAt(0).toUpperCase() + title.slice(1) : `Step ${number}: ${title}`
