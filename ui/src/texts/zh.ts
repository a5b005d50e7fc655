import type { Texts } from './texts.ts'
import { doctor } from './zh/doctor.ts'
import { frame } from './zh/frame.ts'
import { lesson } from './zh/lesson.ts'
import { plan } from './zh/plan.ts'
import { topology } from './zh/topology.ts'
import { walk } from './zh/walk.ts'

export const zh: Texts = { frame, topology, walk, doctor, plan, lesson }
