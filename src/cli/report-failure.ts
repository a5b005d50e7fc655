import type { ErrorFacts } from '../space/errors.ts'
import { visible } from '../space/spec/quote.ts'
import type { Output } from './output.ts'

/** What an error says, in the words of the contract: the same fields for a person and for --json. */
export type Failure = Required<Omit<ErrorFacts, 'cause'>> & { stack?: string }

/** Prints a failure: with --json as `error` of the object on stdout, otherwise as lines on stderr. */
export const reportFailure = (output: Output, command: string, failure: Failure): void => {
  const { code, what, why, evidence, fix, stack } = failure
  if (output.json) {
    output.object(command, null, [], { code, what, why, evidence, fix })
    return
  }
  const { red, dim } = output.errorStyle
  output.messages([
    `${red('natspace:')} ${visible(what)}: ${visible(why)}`,
    ...evidence.map(line => `  ${dim('saw:')} ${visible(line)}`),
    ...fix.map(line => `  ${dim('fix:')} ${visible(line)}`),
    `  ${dim('code:')} ${code}`,
    ...(output.verbose && stack !== undefined ? stack.split('\n').map(line => `  ${visible(line)}`) : []),
  ])
}
