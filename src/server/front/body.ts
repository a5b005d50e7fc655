import type { IncomingMessage } from 'node:http'
import { onlyHeader, type RequestFacts } from './guard.ts'
import { Refusal } from './refusal.ts'

/**
 * The JSON object that a request carries. Throws Refusal: 415 for another type than application/json (a form of another
 * site could send those without asking), 413 for more than `most` bytes, 400 for what is no JSON object in UTF-8.
 */
export const readJson = async (
  message: IncomingMessage,
  request: RequestFacts,
  most: number,
): Promise<Record<string, unknown>> => {
  const type = onlyHeader(request, 'content-type') ?? ''
  if (!/^application\/json(?: *; *charset="?utf-8"?)?$/i.test(type))
    throw new Refusal(415, 'BAD_REQUEST', 'its body is not declared as application/json')
  if (Number(onlyHeader(request, 'content-length') ?? 0) > most) throw tooLong(most)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of message as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > most) throw tooLong(most)
    chunks.push(chunk)
  }
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (error) {
    throw new Refusal(400, 'BAD_REQUEST', `its body is no JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal(400, 'BAD_REQUEST', 'its body is no JSON object')
  return value as Record<string, unknown>
}

const tooLong = (most: number): Refusal =>
  new Refusal(413, 'REQUEST_TOO_LONG', `its body is longer than ${most} bytes`)
