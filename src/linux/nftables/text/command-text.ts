import type { NftCommand } from '../batch/command.ts'

/** The nft command that does the same. */
export const commandText = (command: NftCommand): string =>
  `nft ${command.type.split('.').reverse().join(' ')} ${command.family} ${command.table}`
