import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

/** A file of the page, as scripts/build.mjs packs it into the executable: packed with gzip, in base64. */
export type PackedFile = { type: string; etag: string; gzip: string }

/** All files by their path in the URL: '/', '/assets/index-Dk3….js'. */
export type PackedPage = Readonly<Record<string, PackedFile>>

/** A file of the page, ready to be sent. */
export type PageFile = {
  type: string
  etag: string
  gzip: Uint8Array
  plain(): Uint8Array
  /** Its name changes with its content, so a browser need never ask again. */
  forever: boolean
}

export type Page = ReadonlyMap<string, PageFile>

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
}

/** Packs the folder that vite writes; index.html is '/'. Throws the errors of node:fs, and Error for a file of unknown kind. */
export const packPage = (folder: string): PackedPage =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .sort()
      .map(file => {
        const type = types[extname(file)]
        if (type === undefined) throw new Error(`${file} is of no kind that the page is made of`)
        const bytes = readFileSync(file)
        const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
        const path = file.slice(folder.length).replace(/^\/*/, '/')
        const gzip = gzipSync(bytes, { level: 9 }).toString('base64')
        return [path === '/index.html' ? '/' : path, { type, etag, gzip }]
      }),
  )

/** The files as they are sent. */
export const unpackPage = (packed: PackedPage): Page =>
  new Map(
    Object.entries(packed).map(([path, { type, etag, gzip: text }]) => {
      const gzip = Buffer.from(text, 'base64')
      return [path, { type, etag, gzip, plain: () => gunzipSync(gzip), forever: path.startsWith('/assets/') }]
    }),
  )
