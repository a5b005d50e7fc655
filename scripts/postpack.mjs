// Run by `npm pack` after it: puts package.json back, and packs the executable for this processor beside the package.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { main, root } from './lib/run.mjs'

const kept = join(root, 'build/package.json')

main(async () => {
  if (existsSync(kept)) renameSync(kept, join(root, 'package.json'))
  const { npm_command: command, npm_config_dry_run: isDry, npm_config_pack_destination: out } = process.env
  if (command !== 'pack' || isDry === 'true') return 0
  const { makePlatformPackage } = await import('./lib/release/npm.mjs')
  const { notices } = await import('./lib/release/bill.mjs')
  const folder = join(root, 'build/pack')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const name = process.arch
  const executable = join(root, 'dist/natspace')
  makePlatformPackage({ name, executable, notices: notices([name]), folder, out: out || root })
  rmSync(folder, { recursive: true })
  return 0
})
