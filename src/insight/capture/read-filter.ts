import { compileFilter, type Filter, FilterError } from '../../linux/packet/index.ts'
import { NatspaceError } from '../../space/errors.ts'

/** A filter in the language of pcap-filter(7); undefined for an empty text. Throws NatspaceError BAD_FILTER (exit 2). */
export const readFilter = (text: string): Filter | undefined => {
  if (text.trim() === '') return undefined
  try {
    return compileFilter(text)
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    const { column, reason, hint } = error
    throw new NatspaceError({
      code: 'BAD_FILTER',
      exit: 2,
      what: `cannot read the filter at column ${column}`,
      why: reason,
      evidence: [text, `${' '.repeat(column - 1)}^`],
      fix: hint === undefined ? ['pcap-filter(7) tells the language of filters'] : [hint],
      cause: error,
    })
  }
}
