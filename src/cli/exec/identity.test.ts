import { expect, test } from 'bun:test'
import { invokerOf } from './identity.ts'

const accounts = () => ({
  passwd:
    'root:x:0:0:root:/:/bin/bash\nann:x:1000:1000:Ann,,,:/people/ann:/bin/zsh\nbob:x:1001:1001::/people/bob:\n',
  group: 'root:x:0:\nann:x:1000:\nsudo:x:27:bob,ann\nstaff:x:50:annette\n+nis\ndocker:x:998:ann\n',
})

test('the user who called sudo, with his groups and variables', () => {
  expect(invokerOf({ SUDO_UID: '1000', SUDO_GID: '1000', SUDO_USER: 'ann' }, accounts)).toEqual({
    user: 1000,
    group: 1000,
    groups: [1000, 27, 998],
    variables: { USER: 'ann', LOGNAME: 'ann', HOME: '/people/ann', SHELL: '/bin/zsh' },
  })
})

test('an empty shell is /bin/sh (passwd(5))', () => {
  expect(invokerOf({ SUDO_UID: '1001', SUDO_GID: '1001' }, accounts)?.variables.SHELL).toBe('/bin/sh')
})

test('a user of a directory service has his ids and his name', () => {
  expect(invokerOf({ SUDO_UID: '5000', SUDO_GID: '5001', SUDO_USER: 'far' }, accounts)).toEqual({
    user: 5000,
    group: 5001,
    groups: [5001],
    variables: { USER: 'far', LOGNAME: 'far' },
  })
})

test('nobody is to be become without sudo, when root called it, and by ids that are none', () => {
  for (const environment of [
    {},
    { SUDO_UID: '0', SUDO_GID: '0' },
    { SUDO_UID: '1000' },
    { SUDO_UID: '-1', SUDO_GID: '1000' },
    { SUDO_UID: '4294967295', SUDO_GID: '1000' },
    { SUDO_UID: '1000 ', SUDO_GID: '1000' },
  ])
    expect(invokerOf(environment, accounts)).toBeUndefined()
})
