import { faultCodes } from '../../insight/doctor/catalogue.ts'
import { environmentScenarios } from './environment.ts'
import { filterScenarios } from './filters.ts'
import { firewallScenarios } from './firewalls.ts'
import { linkScenarios } from './links.ts'
import { routeScenarios } from './routes.ts'
import type { Scenario } from './scenario.ts'
import { serviceScenarios } from './services.ts'
import { sizeScenarios } from './sizes.ts'
import { stateScenarios } from './states.ts'
import { translationScenarios } from './translations.ts'

/** Every fault that the lab can make, in the order of the doctor's catalogue. */
export const scenarios: readonly Scenario[] = [
  ...linkScenarios,
  ...routeScenarios,
  ...firewallScenarios,
  ...filterScenarios,
  ...translationScenarios,
  ...sizeScenarios,
  ...environmentScenarios,
  ...stateScenarios,
  ...serviceScenarios,
].toSorted((a, b) => faultCodes.indexOf(a.code) - faultCodes.indexOf(b.code))
