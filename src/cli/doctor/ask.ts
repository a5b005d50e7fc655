import { isTerminal } from '../../linux/sys/files.ts'

/** Whether somebody sits there who can read a question and answer it. */
export const canAsk = (): boolean => isTerminal(0) && isTerminal(2)

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Puts a question to the terminal; true for y or yes. No answer, or a signal instead of one, is a no. */
export const agrees = async (lines: readonly string[]): Promise<boolean> => {
  process.stderr.write(lines.join('\n'))
  const { stdin } = process
  const answer = await new Promise<string>(resolve => {
    const end = (text = '') => {
      stdin.off('data', take)
      for (const signal of signals) process.off(signal, stop)
      stdin.pause()
      stdin.unref?.()
      resolve(text)
    }
    const take = (data: Buffer | string) => end(String(data))
    const stop = () => {
      // The terminal shows ^C, and the line is not ended.
      process.stderr.write('\n')
      end()
    }
    stdin.on('data', take)
    stdin.once('end', stop)
    for (const signal of signals) process.once(signal, stop)
    stdin.resume()
  })
  return /^\s*y(es)?\s*$/i.test(answer)
}
