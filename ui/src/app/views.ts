/** Each view is loaded when it is first gone to, so that the first picture waits for none of the others. */
import type { Component } from 'svelte'
import type { Hello } from '../../../src/server/protocol.ts'
import type { View } from './router.ts'

/** What every view is given: what follows its name in the address, and who the server is. */
export type ViewProps = { path: string[]; hello: Hello }

type Loader = () => Promise<{ default: Component<ViewProps> }>

export const loaders: Record<View, Loader> = {
  topology: () => import('../topology/TopologyView.svelte') as ReturnType<Loader>,
  walk: () => import('../walk/WalkView.svelte') as ReturnType<Loader>,
  doctor: () => import('../doctor/DoctorView.svelte') as ReturnType<Loader>,
  plan: () => import('../plan/PlanView.svelte') as ReturnType<Loader>,
  lesson: () => import('../lesson/LessonView.svelte') as ReturnType<Loader>,
}
