#!/usr/bin/env node
/**
 * Records what a tool says to the kernel over netlink, for golden tests: `node scripts/record-golden.mjs RECIPE.json…`
 *
 * A recipe lists commands; each runs in a sandbox of its own (new user, network and mount namespaces) under strace. The
 * fixture, written beside the recipe as NAME.golden.json, holds for each case the command, the versions of the tools and
 * of the kernel, and the netlink messages by type, flags and payload (sequence numbers and port ids change with each run
 * and are left out). What the recorded bytes mean (`values`) is not written here but by the tests, with UPDATE_GOLDEN=1,
 * and reviewed by a person; values of cases whose bytes are still the same are kept.
 *
 * Recipe: {
 *   "versions": ["nft --version"],          tools whose versions go into the fixture
 *   "ignore": [2576],                       message types that are not recorded
 *   "setup": ["nft add table inet t"],      run first in each sandbox, by sh
 *   "after": "nft list ruleset",            run last in each sandbox; what it prints is kept as `after`
 *   "cases": [{ "name", "command", "setup"?: [], "stdin"?: "text", "record"?: "sent" | "received" | "both" }]
 * }
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'

const sandbox = process.getuid() === 0 ? ['-nm'] : ['-Urnm']

const main = recipes => {
  if (recipes.length === 0) {
    console.error('Usage: node scripts/record-golden.mjs RECIPE.json…')
    process.exit(2)
  }
  for (const path of recipes) record(path)
}

const record = path => {
  const recipe = JSON.parse(readFileSync(path, 'utf8'))
  const output = path.replace(/(\.recipe)?\.json$/, '.golden.json')
  const before = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')).cases : []
  const fixture = {
    recordedBy: `node scripts/record-golden.mjs ${path}`,
    kernel: release(),
    tools: (recipe.versions ?? []).map(versionOf),
    cases: recipe.cases.map(item => {
      const recorded = runCase(recipe, item)
      const old = before.find(candidate => candidate.name === item.name)
      const isSame = old !== undefined && JSON.stringify(old.messages) === JSON.stringify(recorded.messages)
      return isSame && old.values !== undefined ? { ...recorded, values: old.values } : recorded
    }),
  }
  writeFileSync(output, `${JSON.stringify(fixture, null, 2)}\n`)
  spawnSync('node_modules/.bin/biome', ['format', '--write', output], { stdio: 'ignore' })
  console.log(`${output}: ${fixture.cases.length} cases`)
}

const versionOf = command => {
  const [program, ...args] = command.split(' ')
  const run = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 })
  return `${run.stdout || run.stderr}`.trim().split('\n')[0]
}

const runCase = (recipe, item) => {
  const folder = mkdtempSync(join(tmpdir(), 'golden-'))
  try {
    const trace = join(folder, 'trace')
    const input = join(folder, 'input')
    writeFileSync(input, item.stdin ?? '')
    const setup = [...(recipe.setup ?? []), ...(item.setup ?? [])]
    const watched = Array.from({ length: 16 }, (_, fd) => fd).join(',')
    const strace =
      `strace -f -o ${trace} -s 16 -e trace=sendmsg,sendto,recvmsg,recvfrom ` +
      `-e write=${watched} -e read=${watched} ${item.command} < ${input}`
    const printed = join(folder, 'printed')
    const after =
      recipe.after === undefined ? [] : ['status=$?', `${recipe.after} > ${printed}`, 'exit $status']
    const script = [...setup.map(line => `${line} || exit 9`), strace, ...after].join('\n')
    const run = spawnSync('unshare', [...sandbox, 'sh', '-c', script], { encoding: 'utf8', timeout: 30_000 })
    if (run.status === 9) throw new Error(`${item.name}: setup failed: ${run.stderr}`)
    const want = item.record ?? 'sent'
    const messages = parseTrace(readFileSync(trace, 'utf8'))
      .filter(({ direction }) => want === 'both' || want === direction)
      .filter(({ type }) => !(recipe.ignore ?? []).includes(type))
      .map(({ direction, ...message }) => (want === 'both' ? { direction, ...message } : message))
    if (messages.length === 0) throw new Error(`${item.name}: nothing was recorded: ${run.stderr}`)
    const { name, command, stdin } = item
    return {
      name,
      command,
      ...(stdin === undefined ? {} : { stdin }),
      ...(setup.length > 0 ? { setup } : {}),
      ...(run.status === 0 ? {} : { refused: run.stderr.trim().split('\n')[0] }),
      ...(recipe.after === undefined ? {} : { after: readFileSync(printed, 'utf8') }),
      messages,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The netlink messages in strace's output, where a line for the call is followed by dumps of its buffers. */
const parseTrace = text => {
  const messages = []
  let direction
  let bytes = []
  const finish = () => {
    if (direction !== undefined && bytes.length > 0)
      messages.push(...split(Uint8Array.from(bytes), direction))
    bytes = []
  }
  for (const line of text.split('\n')) {
    const call = /^(?:\d+ +)?(sendmsg|sendto|recvmsg|recvfrom)\(/.exec(line)
    if (call) {
      finish()
      const isNetlink = line.includes('AF_NETLINK') && !line.includes('MSG_PEEK')
      direction = !isNetlink ? undefined : call[1].startsWith('send') ? 'sent' : 'received'
      continue
    }
    const dump = /^ \| [0-9a-f]+ {2}((?:[0-9a-f]{2} {1,2})+)/.exec(line)
    if (dump)
      bytes.push(
        ...dump[1]
          .trim()
          .split(/ +/)
          .map(byte => Number.parseInt(byte, 16)),
      )
  }
  finish()
  return messages
}

const headerSize = 16

const split = (bytes, direction) => {
  const view = new DataView(bytes.buffer)
  const messages = []
  let at = 0
  while (bytes.length - at >= headerSize) {
    const length = view.getUint32(at, true)
    if (length < headerSize || at + length > bytes.length)
      throw new Error('A message does not fit its datagram')
    messages.push({
      direction,
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      payload: words(bytes.subarray(at + headerSize, at + length)),
    })
    at += (length + 3) & ~3
  }
  return messages
}

/** Hexadecimal, four bytes a word: so that a difference shows which attribute it is in. */
const words = bytes =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{8})(?=.)/g, '$1 ')

main(process.argv.slice(2))
