import { filterScenarios } from './filters.ts'
import { firewallScenarios } from './firewalls.ts'
import { linkScenarios } from './links.ts'
import { routeScenarios } from './routes.ts'
import type { Scenario } from './scenario.ts'
import { serviceScenarios } from './services.ts'
import { translationScenarios } from './translations.ts'

/** Every fault that the lab can make, in the order of the doctor's catalogue. */
export const scenarios: readonly Scenario[] = [
  ...linkScenarios,
  ...routeScenarios,
  ...firewallScenarios,
  ...filterScenarios,
  ...translationScenarios,
  ...serviceScenarios,
]
