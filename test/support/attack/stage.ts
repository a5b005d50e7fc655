import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { insideNamespace } from '../../../src/linux/sys/namespace.ts'
import { type Ran, run, tryRun } from '../sandbox.ts'

void insideNamespace
