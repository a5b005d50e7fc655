import { type Dns, dnsTypeName } from './dns.ts'

const answerNames: Record<number, string> = {
  1: 'FormErr',
  2: 'ServFail',
  3: 'NXDomain',
  4: 'NotImp',
  5: 'Refused',
}

/** A message: `4711+ A? example.com. (29)` asks, `4711 1/0/0 A 192.0.2.1 (45)` answers. */
export const dnsText = (dns: Dns): string => {
  const { id, response, recursionDesired, questions, answers, counts, length, rcode } = dns
  const asked = questions.map(({ name, type }) => ` ${dnsTypeName(type)}? ${name}`).join('')
  if (!response) {
    const more = counts.additional > 0 ? ` [${counts.additional}au]` : ''
    return `${id}${recursionDesired ? '+' : ''}${more}${asked} (${length})`
  }
  const result = rcode === 0 ? '' : ` ${answerNames[rcode] ?? `rcode ${rcode}`}`
  const marks = `${dns.authoritative ? '*' : ''}${dns.recursionAvailable ? '' : '-'}${dns.truncated ? '|' : ''}`
  const given = answers.map(
    ({ type, data }) => ` ${dnsTypeName(type)}${data === undefined ? '' : ` ${data}`}`,
  )
  return `${id}${result}${marks} ${counts.answers}/${counts.authority}/${counts.additional}${given.join(',')} (${length})`
}
