import { conformanceCases } from './cases.ts'

/** docs/cni-conformance.md. */
export const conformanceDocument =
  (): string => `# What the CNI specification asks of a plugin, and how it is tried

The requirements of the [specification](https://www.cni.dev/docs/spec/) 1.1.0 on plugins, in our words, and the test of each in
\`test/kernel/cni-conformance.test.ts\`: real requests to the executable, one process each, on a host made for the purpose. What
the specification asks of runtimes is not in it.

| section | | natspace | test |
|---|---|---|---|
${conformanceCases.map(({ id, section, level, says }) => `| ${section} | ${level} | ${says} | \`${id}\` |`).join('\n')}

After all of these nothing is left: the host is as it was before.

Not in the list: that a plugin handles requests for several containers at once (\`test/kernel/cni-check.test.ts\` makes 200
attachments by 16 processes), and hostile input (\`src/cni/hostile.test.ts\`, \`test/kernel/cni-hostile.test.ts\`).

This file is made by \`bun scripts/generate-cni-conformance.ts\`.
`
