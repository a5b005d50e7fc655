import { expect, test } from 'bun:test'
import { steps } from '../../space/steps.ts'
import { articleSpace } from '../../space/text/article-space.ts'
import { articleOutside, topics } from '../../space/text/topics.ts'
import { styleOf } from '../style.ts'
import { stepLines, topicLines } from './lines.ts'

const style = styleOf(false)
const evidenceOf = (lines: readonly string[]): string[] =>
  lines.filter(line => line.startsWith('  evidence   natspace '))

test('each step says which command shows that it was taken, and what to look for', () => {
  for (const step of steps)
    expect(evidenceOf(stepLines(step, articleSpace, articleOutside, style))).toHaveLength(1)
  const masquerade = steps.find(({ number }) => number === 8)
  expect(masquerade && evidenceOf(stepLines(masquerade, articleSpace, articleOutside, style))).toEqual([
    '  evidence   natspace trace myspace --to 192.168.1.15  (postrouting at eth0: the source 192.168.45.3 becomes another)',
  ])
})

test('so does each topic, behind all that it tells', () => {
  for (const topic of Object.values(topics)) {
    const lines = topicLines(topic(articleSpace, articleOutside), style)
    expect(evidenceOf(lines).length).toBeGreaterThan(0)
    expect(lines.at(-1)).toStartWith('  evidence   natspace ')
  }
})

test('of an internal space it is shown that nothing leaves', () => {
  const internal = { ...articleSpace, internal: true }
  const [line] = evidenceOf(
    steps
      .filter(({ number }) => number === 6)
      .flatMap(step => stepLines(step, internal, articleOutside, style)),
  )
  expect(line).toContain('that nothing leaves, as the space is internal')
})
