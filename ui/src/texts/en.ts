import { doctor } from './en/doctor.ts'
import { frame } from './en/frame.ts'
import { lesson } from './en/lesson.ts'
import { plan } from './en/plan.ts'
import { topology } from './en/topology.ts'
import { walk } from './en/walk.ts'

export const en = { frame, topology, walk, doctor, plan, lesson }
