/**
 * How the page is built: `vite build -c ui/vite.config.ts` writes dist/ui. The page is served with
 * `script-src 'self'; style-src 'self'; require-trusted-types-for 'script'`, so nothing may be inline: no script, no
 * style element, no data: address, and no markup that is parsed at run time (`fragments: 'tree'`).
 */
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  base: '/',
  plugins: [svelte({ configFile: false, compilerOptions: { fragments: 'tree' } })],
  build: {
    outDir: '../dist/ui',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // How long each plugin took is no warning about the page.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
})
