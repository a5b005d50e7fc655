import { expect, test } from 'bun:test'
import { mountsBelow } from './keep-mounts.ts'

test('the outermost mounts below a folder, with blanks as they are', () => {
  const line = (point: string) => `36 35 98:0 /x ${point} rw,noatime master:1 - ext3 /dev/root rw`
  const text = [
    '/',
    '/sys',
    '/sys/fs/cgroup',
    '/sys/fs/cgroup/cpu',
    '/sys/a\\040b',
    '/system',
    '/sys/fs/cgroup',
  ]
    .map(line)
    .join('\n')
  expect(mountsBelow(text, '/sys')).toEqual(['/sys/fs/cgroup', '/sys/a b'])
})
