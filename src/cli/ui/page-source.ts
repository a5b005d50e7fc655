import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type PackedPage, type Page, packPage, unpackPage } from '../../server/front/page.ts'
import { NatspaceError } from '../../space/errors.ts'

/** The packed page as a module; scripts/build.mjs puts its path here, and so the page into the executable. */
declare const PAGE_MODULE: string | undefined

/** The page: out of the executable, or, where the sources run, out of the folder that `npm run build` writes. */
export const loadPage = async (): Promise<Page> => {
  if (typeof PAGE_MODULE !== 'undefined') {
    const module: { default: PackedPage } = await import(PAGE_MODULE)
    return unpackPage(module.default)
  }
  const folder = join(import.meta.dirname, '../../../dist/ui')
  if (existsSync(join(folder, 'index.html'))) return unpackPage(packPage(folder))
  throw new NatspaceError({
    code: 'PAGE_MISSING',
    exit: 1,
    what: 'cannot serve the page',
    why: 'it is not built',
    evidence: [`there is no ${join(folder, 'index.html')}`],
    fix: ['npm run build'],
  })
}
