import type { Resource } from './resource.ts'

/**
 * What a space had under an earlier spec and no longer has: adding is taking it away. Its own removal, with the space,
 * is nothing, as it goes before that.
 */
export const obsoleteResource = (former: Resource): Resource => ({
  ...former,
  id: `no ${former.id}`,
  drift: seen =>
    former.drift(seen).length > 0
      ? []
      : [
          {
            resource: former.id,
            step: former.step,
            space: former.space,
            expected: 'gone',
            found: 'still there',
          },
        ],
  add: (seen, planner) => former.remove(seen, planner),
  remove: () => [],
})
