import { faultOf } from '../insight/doctor/catalogue.ts'
import { prove } from './proof.ts'
import { openLab } from './run.ts'
import { playScenario } from './scenarios/play.ts'
import { isPossible, namedBy, type Scenario } from './scenarios/scenario.ts'
import type { Screen } from './screen.ts'
import type { LabResult } from './stage.ts'
import type { Teller } from './teller.ts'

/**
 * Makes faults in the lab, one after another, and lets the doctor find each: it must name exactly that one, and find
 * nothing any more once it is taken back. Throws NatspaceError when something cannot even be tried.
 */
export const runScenarios = async (
  screen: Screen,
  faults: readonly Scenario[],
  teller: Teller,
): Promise<LabResult> => {
  const context = openLab(screen)
  using _kernel = context.kernel
  const proofs = []
  const played = []
  for (const scenario of faults) {
    const { code, title } = scenario
    screen.heading(`${code}: ${title}`)
    screen.text(faultOf(code).why)
    if (!isPossible(scenario, context.kernel)) {
      screen.text(`Left out: this kernel has no ${scenario.needs}.`)
      continue
    }
    const { found, healed } = await playScenario(context, scenario)
    screen.say('', ...teller.diagnosis(found, screen.colours, screen.verbose), '')
    const named = prove(`the doctor names ${code}, and nothing else`, code, () => {
      const seen = namedBy(scenario, found).join(', ') || 'nothing'
      return { ok: seen === code, seen }
    })
    const clean = prove('once it is taken back, nothing is found', 'nothing', () => {
      const seen = healed.causes.map(({ what }) => what).join('; ') || 'nothing'
      return { ok: healed.causes.length === 0, seen: teller.plain(seen) }
    })
    for (const proof of [named, clean]) screen.proof(proof)
    proofs.push(named, clean)
    played.push({ code, title, named: namedBy(scenario, found), findings: teller.findings(found) })
  }
  return { proofs, tables: { scenarios: played } }
}
