import { expect, test } from 'bun:test'
import { Observation } from '../reconcile/observation.ts'
import { meanwhile, newHost } from '../reconcile/test-support.ts'
import { allowByUfw, allowedByUfw, disallowByUfw } from './ufw.ts'

/** As ufw 0.36 writes it for: ufw route allow in on veth1 out on eth0 comment 'natspace:myspace' */
const rules = `*filter
:ufw-user-forward - [0:0]
### RULES ###

### tuple ### allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in
-A ufw-user-input -p tcp --dport 22 -j ACCEPT

### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_veth1!out_eth0 comment=6e617473706163653a6d797370616365
-A ufw-user-forward -i veth1 -o eth0 -j ACCEPT

### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 out_veth1 comment=6e617473706163653a6d797370616365
-A ufw-user-forward -o veth1 -j ACCEPT

### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_veth9 comment=6f74686572
-A ufw-user-forward -i veth9 -j ACCEPT
### END RULES ###
COMMIT
`

const seenWith = (files: Record<string, string>) => {
  const { kernel } = newHost()
  meanwhile(kernel, [
    { type: 'directory.add', path: '/etc/ufw', mode: 0o755 },
    ...Object.entries(files).map(
      ([name, text]) => ({ type: 'file.write', path: `/etc/ufw/${name}`, text, mode: 0o640 }) as const,
    ),
  ])
  return new Observation(kernel)
}

test('the rules of a space are known by the comment that ufw keeps', () => {
  const seen = seenWith({ 'user.rules': rules })
  expect(allowedByUfw(seen, 'myspace')).toEqual([{ from: 'veth1', to: 'eth0' }, { to: 'veth1' }])
  expect(allowedByUfw(seen, 'other')).toEqual([])
})

test('one that is left in one address family alone is one', () => {
  expect(
    allowedByUfw(seenWith({ 'user6.rules': rules.replaceAll('0.0.0.0/0', '::/0') }), 'myspace'),
  ).toHaveLength(2)
  expect(allowedByUfw(seenWith({}), 'myspace')).toEqual([])
})

test('the words', () => {
  const way = { from: 'veth1', to: 'eth0' }
  expect(allowByUfw(way, 'myspace').arguments.join(' ')).toBe(
    'route allow in on veth1 out on eth0 comment natspace:myspace',
  )
  expect(disallowByUfw(way).arguments.join(' ')).toBe('route delete allow in on veth1 out on eth0')
  expect(allowByUfw({ to: 'veth1' }, 'a').arguments.join(' ')).toBe(
    'route allow out on veth1 comment natspace:a',
  )
})
