import * as compiling from './compile/compile.ts'
import * as evaluating from './evaluate/index.ts'
import * as printing from './text/index.ts'

/**
 * Theory of operation. Rules of others are hardly ever compiled, evaluated or printed by a run of the command, and a third of
 * its code is for that. In the executable each of these parts is a file of its own, read and run when it is first asked for;
 * elsewhere it is loaded with all the rest. `require`, as whoever asks has no time to wait; without the extension of the
 * file, which is another one in the library.
 */

// Bun has `require` in every module; under Node it is only parsed.
declare const require: (name: string) => unknown

/** Rules to instructions. */
export const compiler = (): typeof compiling =>
  process.versions.bun === undefined ? compiling : (require('./compile/compile') as typeof compiling)

/** What becomes of a packet. */
export const evaluator = (): typeof evaluating =>
  process.versions.bun === undefined ? evaluating : (require('./evaluate/index') as typeof evaluating)

/** Rules as nft prints them. */
export const printer = (): typeof printing =>
  process.versions.bun === undefined ? printing : (require('./text/index') as typeof printing)
