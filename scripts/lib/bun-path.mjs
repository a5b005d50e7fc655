import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, Failure, root } from './run.mjs'

/**
 * The places where npm may have put Bun, best first. Where install scripts may run, bun's own moves the program
 * into its package; where they are blocked (as npm 11 can), that file is a stub and the program stays in the
 * package made for the processor. A processor without AVX2 would die in the ordinary x64 program.
 */
export function bunCandidates(arch, hasAvx2) {
  const x64 = hasAvx2 ? ['x64', 'x64-baseline'] : ['x64-baseline', 'x64']
  const kinds = { x64, arm64: ['aarch64'] }[arch] ?? []
  const packages = kinds.flatMap(kind => [
    `@oven/bun-linux-${kind}/bin/bun`,
    `@oven/bun-linux-${kind}-musl/bin/bun`,
  ])
  return ['bun/bin/bun.exe', ...packages]
}

const hasAvx2 = () => readFileSync('/proc/cpuinfo', 'utf8').includes(' avx2')

/** A Bun that runs on this machine. Throws a Failure that lists what was tried. */
export function bunPath() {
  const tried = []
  for (const candidate of bunCandidates(process.arch, process.arch === 'x64' && hasAvx2())) {
    const file = join(root, 'node_modules', candidate)
    if (!existsSync(file)) continue
    const { ok, output } = ask(file, ['--version'])
    if (ok) return file
    tried.push(`  ${file}: ${output.split('\n')[0] || 'does not start'}`)
  }
  const found = tried.length > 0 ? `Tried:\n${tried.join('\n')}` : 'node_modules holds none.'
  throw new Failure(
    `No working Bun for ${process.platform} on ${process.arch}. ${found}\n` +
      'Remove node_modules and run `npm run setup` again; optional packages must not be left out (npm config get omit).',
  )
}
