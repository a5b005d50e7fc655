// The archive for any Linux, and the package for Debian and what derives from it.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run.mjs'
import { copy, filesBelow, manifest, must, normalizeModes, write } from './files.mjs'

const { version } = manifest

/** `natspace-0.1.0-linux-x64.tar.gz`, to be unpacked in /usr/local. `time`: seconds since 1970 of every file in it. */
export const makeArchive = ({ name, time, folder, executable, shared, notices, out }) => {
  const title = `natspace-${version}-linux-${name}`
  const top = join(folder, title)
  copy(executable, join(top, 'bin/natspace'))
  copy(shared, top)
  const documents = join(top, 'share/doc/natspace')
  for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md']) copy(join(root, file), join(documents, file))
  write(join(documents, 'third-party-licenses.txt'), notices)
  normalizeModes(top)
  must('tar', [
    ...['--create', `--file=${join(out, `${title}.tar.gz`)}`, '--use-compress-program=gzip -n'],
    ...['--sort=name', '--format=ustar', `--mtime=@${time}`, '--owner=0', '--group=0', '--numeric-owner'],
    ...['-C', folder, title],
  ])
}

/** Debian's names of processors. */
const debian = { x64: 'amd64', arm64: 'arm64' }

const maintainer = 'natspace <natspace@localhost>'

// GLIBC_2.17 is the newest version that the runtime's symbols ask for.
const control = (name, kilobytes) => `Package: natspace
Version: ${version}
Architecture: ${debian[name]}
Maintainer: ${maintainer}
Installed-Size: ${kilobytes}
Depends: libc6 (>= 2.17)
Section: net
Priority: optional
Description: connect network namespaces to the outside through NAT
 One command connects a Linux network namespace to the outside through NAT;
 others show it, say why a packet did not arrive, and undo it without a
 trace. It is a CNI plugin, too.
`

/** In the form of deb-changelog(5); `time`: seconds since 1970. */
const debianChangelog = time => `natspace (${version}) unstable; urgency=medium

  * CHANGELOG.md.gz tells what is new.

 -- ${maintainer}  ${new Date(time * 1000).toUTCString().replace('GMT', '+0000')}
`

const compressed = file => must('gzip', ['-n', '-9', file])

/** `natspace_0.1.0_amd64.deb`. Its units are there and not enabled: an installation changes no network. */
export const makeDeb = ({ name, time, folder, executable, shared, notices, out }) => {
  copy(executable, join(folder, 'usr/bin/natspace'))
  copy(shared, join(folder, 'usr'))
  const manual = join(folder, 'usr/share/man/man1')
  for (const file of filesBelow(manual)) compressed(join(manual, file))
  const documents = join(folder, 'usr/share/doc/natspace')
  copy(join(root, 'README.md'), join(documents, 'README.md'))
  write(
    join(documents, 'copyright'),
    `${readFileSync(join(root, 'LICENSE'), 'utf8')}\nWhat else is in the executable is in third-party-licenses.txt.\n`,
  )
  write(join(documents, 'third-party-licenses.txt'), notices)
  copy(join(root, 'CHANGELOG.md'), join(documents, 'CHANGELOG.md'))
  write(join(documents, 'changelog'), debianChangelog(time))
  for (const file of ['CHANGELOG.md', 'changelog']) compressed(join(documents, file))
  const files = filesBelow(folder)
  const sizes = files.map(file => Math.ceil(statSync(join(folder, file)).size / 1024))
  const digests = files.map(
    file =>
      `${createHash('md5')
        .update(readFileSync(join(folder, file)))
        .digest('hex')}  ${file}\n`,
  )
  write(
    join(folder, 'DEBIAN/control'),
    control(
      name,
      sizes.reduce((sum, size) => sum + size, 0),
    ),
  )
  write(join(folder, 'DEBIAN/md5sums'), digests.join(''))
  normalizeModes(folder)
  const file = join(out, `natspace_${version}_${debian[name]}.deb`)
  // One thread: with more of them xz cuts what it compresses into blocks, as many as there is memory for.
  must('dpkg-deb', ['--root-owner-group', '-Zxz', '--threads-max=1', '--build', folder, file], {
    SOURCE_DATE_EPOCH: `${time}`,
  })
}
