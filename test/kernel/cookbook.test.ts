/** Every recipe of docs/cookbook.md, as it stands there, each with a proof of its own that its title is true. */
import { describe, expect, test as plain } from 'bun:test'
import { checks, spoilt } from '../support/cookbook/checks.ts'
import { cook } from '../support/cookbook/kitchen.ts'
import { missingLine, readRecipes } from '../support/cookbook/recipe.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const recipes = readRecipes()
const test = requireTool('ip', 'nft', 'nc', 'ping', 'conntrack', 'tcpdump', 'tc', 'ss', 'sysctl', 'busybox')

describe('the cookbook', () => {
  plain('has twenty recipes, each with a check, and no check without a recipe', () => {
    expect(recipes).toHaveLength(20)
    expect(Object.keys(checks)).toEqual(recipes.map(({ title }) => title))
    for (const [title, check] of Object.entries(checks))
      expect(`${title}: ${/^ +(is|refused|inside|grep|\[) /m.test(check)}`).toBe(`${title}: true`)
  })

  plain('a line of its output that is not printed is noticed', () => {
    expect(missingLine(['one', 'three … words'], 'one\ntwo\nthree short words\n')).toBeUndefined()
    expect(missingLine(['three', 'one'], 'one\nthree')).toBe('one')
    expect(missingLine(['on'], 'one')).toBe('on')
  })

  for (const recipe of recipes)
    test(recipe.title, () => {
      const output = cook(recipe, checks[recipe.title] ?? 'exit 1')
      const missing = missingLine(recipe.output, output)
      if (missing !== undefined) throw new Error(`'${missing}' is not there, or not in its place:\n${output}`)
    })

  for (const { title, words, by } of spoilt)
    test(`${title}: the check fails with '${by}' in place of '${words.trim()}'`, () => {
      const recipe = recipes.find(candidate => candidate.title === title)
      if (recipe === undefined || !recipe.commands.includes(words))
        throw new Error(`no '${words}' in '${title}'`)
      const commands = recipe.commands.replace(words, by)
      expect(() => cook({ ...recipe, commands }, checks[title] ?? '')).toThrow('its check ended with')
    })
})
