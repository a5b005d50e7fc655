import { ShapeError } from '../../../src/insight/trace/checked.ts'
import type { Walk } from '../../../src/server/protocol.ts'
import { walkShape } from './walk-shape.ts'

/**
 * Walks in files: the very JSON that the server gives. A file may come from anybody, so nothing of it is used before all of
 * it was held against the shape; and what it says is shown as text, as everything else.
 */

/** Why a file cannot be shown: a key of the texts, and what was found. */
export type SavedProblem = {
  problem: 'too-big' | 'no-json' | 'no-walk' | 'newer' | 'damaged'
  /** The field, and what is the matter with it. */
  detail: string
}

/** Bytes, or characters, of the largest file that is read. */
export const largestFile = 16 * 1024 * 1024

/** The walk of a file's text, or why there is none; `newest` is the version of the protocol that this page speaks. Pure. */
export const readWalk = (saved: string, newest: number): Walk | SavedProblem => {
  if (saved.length > largestFile) return { problem: 'too-big', detail: '' }
  let value: unknown
  try {
    value = JSON.parse(saved)
  } catch (error) {
    return { problem: 'no-json', detail: error instanceof Error ? error.message : String(error) }
  }
  if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== 'natspace-walk')
    return { problem: 'no-walk', detail: '' }
  const version = 'protocolVersion' in value ? value.protocolVersion : undefined
  if (typeof version === 'number' && version > newest) return { problem: 'newer', detail: `${version}` }
  try {
    return walkShape(value, 'walk')
  } catch (error) {
    if (error instanceof ShapeError) return { problem: 'damaged', detail: error.message }
    // Nested deeper than the stack bears.
    if (error instanceof RangeError) return { problem: 'damaged', detail: error.message }
    throw error
  }
}

/** The text of a walk's file. */
export const writtenWalk = (walk: Walk): string => `${JSON.stringify(walk, null, 1)}\n`

/** A name for the file, of letters that every file system takes: `natspace-walk-myspace-2026-11-23-083059.json`. */
export const fileNameOf = ({ space, time }: Pick<Walk, 'space' | 'time'>): string => {
  const moment = new Date(Number.isFinite(time) && Math.abs(time) < 8.64e15 ? time : 0)
  const when = moment
    .toISOString()
    .slice(0, 19)
    .replace('T', '-')
    .replace(/[^\d-]/g, '')
  return `natspace-walk-${space.replace(/[^a-zA-Z0-9_.-]/g, '_').slice(0, 64)}-${when}.json`
}
