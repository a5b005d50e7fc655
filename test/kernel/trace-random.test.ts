/** Flows and rules made at random: what natspace tells of each, beside tcpdump, nft and conntrack on the same packets. */
import { expect } from 'bun:test'
import { LinuxKernel } from '../../src/linux/linux.ts'
import { type Finding, late, runRound } from '../support/random-flows/run.ts'
import { FlowStage } from '../support/random-flows/stage.ts'
import { whyNoCapture } from '../support/random-flows/watchers.ts'
import { Random } from '../support/random-ruleset.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { findTool, testUnless } from '../support/tools.ts'

requireSandbox()

const tools = ['ip', 'nft', 'iptables-nft-restore', 'conntrack', 'sysctl', 'nsenter', 'stdbuf']
const missing = tools.filter(name => findTool(name) === undefined)
const test = testUnless(
  missing.length > 0 ? `needs ${missing.join(', ')}` : whyNoCapture(),
  'run `npm test` as root',
)

/** To repeat a run or to make it longer: which rounds of which seed, and how many flows in all. */
const number = (name: string, usual: number): number => Number(process.env[`NATSPACE_TEST_${name}`] ?? usual)
// The two users who run the tests each see other flows.
const seed = number('SEED', process.env.NATSPACE_TEST_AS === 'user' ? 2 : 1)
const flows = number('FLOWS', 100)
const from = number('ROUND', 0)
const perRound = { probes: 8, visits: 4, crowd: 13 }
/** Milliseconds. */
const timeout = 250

const counted = (values: readonly string[]): string =>
  [...new Set(values)]
    .toSorted()
    .map(value => `  ${values.filter(other => other === value).length} ${value}`)
    .join('\n')

test(`natspace and the second opinions agree on ${flows} flows, seed ${seed}`, async () => {
  using kernel = new LinuxKernel()
  using stage = new FlowStage(kernel)
  const findings: Finding[] = []
  for (let round = from; findings.length < flows; round++) {
    const options = { name: `others-${round}`, ...perRound, timeout }
    const found = await runRound(kernel, stage, new Random(seed * 10_000 + round), options)
    findings.push(...found.map(finding => ({ ...finding, text: `round ${round}: ${finding.text}` })))
  }
  console.info(`seed ${seed}:\n${counted(findings.map(({ outcome }) => outcome))}`)
  console.info(`predicted:\n${counted(findings.flatMap(({ predicted }) => predicted ?? []))}`)
  if (process.env.NATSPACE_TEST_SHOW) console.info(counted(findings.flatMap(({ doubt }) => doubt ?? [])))
  const differing = (what: 'wrong' | 'mispredicted') =>
    findings
      .flatMap(finding => (finding[what].length === 0 ? [] : [finding.text, ...finding[what]]))
      .join('\n')
  // On a machine that is so slow hardly anything was compared.
  expect(findings.filter(({ outcome }) => outcome === late).length).toBeLessThan(findings.length / 5)
  expect({ toldWrong: differing('wrong'), predictedWrong: differing('mispredicted') }).toEqual({
    toldWrong: '',
    predictedWrong: '',
  })
}, 900_000)
