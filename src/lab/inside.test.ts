import { expect, test } from 'bun:test'
import { whyNotInside } from './inside.ts'

const parent = { net: 'net:[1]', mnt: 'mnt:[2]' }
const own = { net: 'net:[3]', mnt: 'mnt:[4]' }
const links = [{ name: 'lo', up: false }]
const mounts = `22 1 0:20 / / rw,relatime - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw master:5 - proc proc rw
`

test('new namespaces with nothing but a loopback are a place to work', () => {
  expect(whyNotInside({ parent, own, links, mounts })).toEqual([])
})

test('links that the kernel puts into every new namespace are no strangers while they are down', () => {
  const born = [...links, { name: 'sit0', up: false }, { name: 'ip6tnl0', up: false }]
  expect(whyNotInside({ parent, own, links: born, mounts })).toEqual([])
  const up = [...links, { name: 'sit0', up: true }]
  expect(whyNotInside({ parent, own, links: up, mounts })).toEqual([
    'the network namespace is not new: it has the link "sit0"',
  ])
})

test('the namespaces of the parent are no place to work', () => {
  expect(whyNotInside({ parent, own: { ...own, net: parent.net }, links, mounts })).toEqual([
    'the network namespace is that of the parent, net:[1]',
  ])
  expect(whyNotInside({ parent, own: { ...own, mnt: parent.mnt }, links, mounts })).toEqual([
    'the mount namespace is that of the parent, mnt:[2]',
  ])
})

test('any other link means that the namespace belongs to somebody', () => {
  const machine = [...links, { name: 'eth0', up: false }]
  expect(whyNotInside({ parent, own, links: machine, mounts })).toEqual([
    'the network namespace is not new: it has the link "eth0"',
  ])
})

test('mounts that would be seen elsewhere are refused, however many optional fields there are', () => {
  for (const fields of ['shared:1', 'shared:1 master:5', 'master:5 shared:1'])
    expect(
      whyNotInside({
        parent,
        own,
        links,
        mounts: `${mounts}24 22 0:22 / /run rw ${fields} - tmpfs tmpfs rw\n`,
      }),
    ).toEqual([`mounts made here would be seen elsewhere: 24 22 0:22 / /run rw ${fields} - tmpfs tmpfs rw`])
})
