/** Writes docs/cni-conformance.md. Run after any change of the cases in test/support/cni-conformance. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { conformanceDocument } from '../test/support/cni-conformance/document.ts'

writeFileSync(join(import.meta.dirname, '../docs/cni-conformance.md'), conformanceDocument())
