import { describe, expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ownEtc } from '../support/dns.ts'
import { expectOnNewHost, onNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

/** `natspace exec`, seen by the programs that it runs; `ip netns exec` is the second opinion. */
const test = requireTool('ip', 'nft', 'ping')

/** A user namespace may know root alone; then nobody else can be become. */
const mapsAllUsers = /^\s*0\s+0\s+4294967295/.test(readFileSync('/proc/self/uid_map', 'utf8'))

const executable = join(import.meta.dirname, '../../dist/natspace')

const inSpace = (script: string): string => expectOnNewHost(`natspace up -q web\n${script}`)

describe('the exit status', () => {
  test('is that of the program', () => {
    expect(inSpace("natspace exec web -- sh -c 'exit 7' || echo $?")).toBe('7\n')
    expect(inSpace('natspace exec web true; echo $?')).toBe('0\n')
  })

  test('shows a signal as a shell does', () => {
    expect(inSpace("natspace exec web -- sh -c 'kill -TERM $$' || echo $?")).toBe('143\n')
  })

  test('is 127 for a program that is not there, 126 for one that cannot be executed', () => {
    const output = inSpace(`
      natspace exec web -- no-such-program 2>/run/err || echo $?
      natspace exec web -- /no/such/program 2>>/run/err || echo $?
      touch /run/plain
      natspace exec web -- /run/plain 2>>/run/err || echo $?
      natspace exec web -- /run 2>>/run/err || echo $?
      printf '#!/no/such/interpreter\\n' >/run/script; chmod +x /run/script
      natspace exec web -- /run/script 2>>/run/err || echo $?
      cat /run/err`)
    expect(output.split('\n').slice(0, 5)).toEqual(['127', '127', '126', '126', '127'])
    expect(output).toContain('code: PROGRAM_NOT_FOUND')
    expect(output).toContain('code: PROGRAM_NOT_EXECUTABLE')
  })

  test('is 125 for everything that natspace itself fails at', () => {
    const output = inSpace(`
      exec 2>&1
      natspace exec nothing true || echo $?
      natspace exec ../run true || echo $?
      natspace exec web || echo $?
      natspace exec --no-such-option web true || echo $?
      touch /run/netns/plain; natspace exec plain true || echo $?; rm /run/netns/plain
      natspace exec /proc/self/ns/uts true || echo $?`)
    expect(output.match(/^125$/gm)).toHaveLength(6)
    for (const code of ['NO_NAMESPACE', 'BAD_NAME', 'MISSING_ARGUMENT', 'UNKNOWN_OPTION', 'NS-STALE'])
      expect(output).toContain(`code: ${code}`)
  })

  test('a script without a first line for its interpreter runs by sh', () => {
    expect(
      inSpace('echo "echo ran \\$1" >/run/script; chmod +x /run/script; natspace exec web /run/script it'),
    ).toBe('ran it\n')
  })
})

describe('what the program is given', () => {
  test('is the network of the space, and no other namespace of its own but mounts', () => {
    const output = inSpace(`
      natspace exec web -- readlink /proc/self/ns/net
      ip netns exec web readlink /proc/self/ns/net
      readlink /proc/self/ns/pid; natspace exec web readlink /proc/self/ns/pid
      readlink /proc/self/ns/user; natspace exec web readlink /proc/self/ns/user`)
    const [ours, theirs, pid, innerPid, user, innerUser] = output.split('\n')
    expect(ours).toBe(theirs as string)
    expect(innerPid).toBe(pid as string)
    expect(innerUser).toBe(user as string)
  })

  test('is the standard descriptors and no other', () => {
    // The fourth is the folder itself, which ls has open.
    expect(inSpace('natspace exec web -- ls /proc/self/fd 7</dev/null').split('\n')).toEqual([
      '0',
      '1',
      '2',
      '3',
      '',
    ])
  })

  test('is the arguments as they stand', () => {
    const output = inSpace(`natspace exec web printf '[%s]' -- 'a  b' '' --json -h "$(printf 'é\\n')"`)
    expect(output).toBe('[--][a  b][][--json][-h][é]')
  })

  test('is the environment, the folder and the file mode mask of the caller', () => {
    const output = inSpace(`
      mkdir /run/here; cd /run/here; umask 027
      env -i ONE='1 2' PATH=/usr/bin:/bin ${executable} exec web env
      WORD='two words' natspace exec web sh -c 'echo "$WORD"; pwd; umask'`)
    expect(output).toBe('ONE=1 2\nPATH=/usr/bin:/bin\ntwo words\n/run/here\n0027\n')
  })

  test('is signals as they were: nothing ignored or blocked by the runtime', () => {
    const output = inSpace(`
      grep -E 'Sig(Ign|Blk)' /proc/self/status
      natspace exec web grep -E 'Sig(Ign|Blk)' /proc/self/status
      (trap '' HUP; natspace exec web grep SigIgn /proc/self/status)
      natspace exec web sh -c 'yes | head -1; kill -PIPE $$' || echo $?`)
    const [blocked, ignored, blockedInside, ignoredInside, withoutHangUp, yes, pipe] = output.split('\n')
    expect(blockedInside).toBe(blocked as string)
    expect(ignoredInside).toBe(ignored as string)
    expect(withoutHangUp).toMatch(/1$/)
    expect([yes, pipe]).toEqual(['y', '141'])
  })

  test('is the limit of open files that the caller has', () => {
    expect(inSpace("(ulimit -S -n 500; natspace exec web sh -c 'ulimit -S -n'; true)")).toBe('500\n')
  })

  test('is the process itself: no parent of natspace stays', () => {
    const output = inSpace(
      `sh -c 'echo $$; exec ${executable} exec web sh -c "echo \\$\\$ \\$PPID"'; echo $$`,
    )
    const [outer, inner, shell] = output.split('\n')
    expect(inner).toBe(`${outer} ${shell}`)
  })
})

describe('the mounts of the program', () => {
  test('show the links of the space in /sys, and change nothing outside', () => {
    const output = inSpace(`
      md5sum </proc/self/mountinfo; ls /sys/class/net | tr '\\n' ' '; echo
      natspace exec web ls /sys/class/net | tr '\\n' ' '; echo
      natspace exec web mount -t tmpfs none /run/netns
      md5sum </proc/self/mountinfo; ls /sys/class/net | tr '\\n' ' '`)
    const [before, , inside, after] = output.split('\n')
    expect(inside).toBe('eth0 lo ')
    expect(after).toBe(before as string)
  })

  test('keep what is mounted below /sys', () => {
    expect(
      inSpace(
        'test -n "$(ls /sys/fs/cgroup)"; ls /sys/fs/cgroup >/run/one; natspace exec web ls /sys/fs/cgroup >/run/two; cmp /run/one /run/two',
      ),
    ).toBe('')
  })

  const withEtc = (prepare: string, script: string): string => inSpace(`${ownEtc(prepare)}\n${script}`)

  test('hold the resolvers of the space, readable whatever the mask is, and leave the file of the host alone', () => {
    const output = withEtc(
      "echo 'nameserver 192.0.2.1' >/run/etc/resolv.conf",
      `natspace up -q web --dns 192.0.2.53 --dns 192.0.2.54
       umask 077
       natspace exec web cat /etc/resolv.conf
       natspace exec web stat -c %a /etc/resolv.conf
       cat /etc/resolv.conf`,
    )
    expect(output).toBe('nameserver 192.0.2.53\nnameserver 192.0.2.54\n644\nnameserver 192.0.2.1\n')
  })

  test('put the files of /etc/netns/NAME over those of /etc, which win over --dns', () => {
    const output = withEtc(
      `mkdir -p /run/etc/netns/web; echo inside >/run/etc/netns/web/hosts; echo outside >/run/etc/hosts
       echo 'nameserver 192.0.2.1' >/run/etc/resolv.conf; echo 'nameserver 192.0.2.2' >/run/etc/netns/web/resolv.conf`,
      `natspace up -q web --dns 192.0.2.53
       natspace exec web cat /etc/hosts /etc/resolv.conf
       ip netns exec web cat /etc/hosts /etc/resolv.conf; cat /etc/hosts`,
    )
    expect(output).toBe(`${'inside\nnameserver 192.0.2.2\n'.repeat(2)}outside\n`)
  })

  test('are told of when one is impossible, and the program runs all the same', () => {
    const output = withEtc(
      `mkdir -p /run/etc/netns/web; echo x >/run/etc/netns/web/nothing-of-that-name
       echo 'nameserver 192.0.2.1' >/run/etc/resolv.conf`,
      'natspace exec web echo ran 2>&1',
    )
    expect(output).toMatch(
      /^natspace exec: \/etc\/nothing-of-that-name is that of the host: .*ENOENT.*\nran\n$/,
    )
  })
})

describe('which namespace', () => {
  test('may be any of /run/netns, and any by its path', () => {
    const output = expectOnNewHost(`
      ip netns add other
      natspace exec other readlink /proc/self/ns/net
      natspace exec /run/netns/other readlink /proc/self/ns/net
      ip netns exec other readlink /proc/self/ns/net`)
    const [byName, byPath, byIp] = output.split('\n')
    expect(byName).toBe(byIp as string)
    expect(byPath).toBe(byIp as string)
  })

  test('reaches what the space reaches', () => {
    expect(inSpace('natspace exec --as-root web ping -c 1 -W 2 192.168.1.15')).toContain('1 received')
  })
})

describe('under sudo', () => {
  const asSudo = 'SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody'

  test('the program is the user who called it, with his groups and home', () => {
    const { status, stdout, stderr } = onNewHost(`
      natspace up -q web
      ${ownEtc(`
        echo 'nameserver 192.0.2.1' >/run/etc/resolv.conf
        echo 'extra:x:4242:someone,nobody' >>/run/etc/group`)}
      ${asSudo} natspace exec web sh -c 'id -u; id -g; id -G; echo $HOME $USER $LOGNAME; grep CapEff /proc/self/status'`)
    if (mapsAllUsers) {
      expect(stderr).toBe('')
      const [user, group, groups, variables, capabilities] = stdout.split('\n')
      expect([user, group, groups]).toEqual(['65534', '65534', '65534 4242'])
      expect(variables).toMatch(/^\/\S* nobody nobody$/)
      expect(capabilities).toMatch(/\t0+$/)
    } else {
      expect(status).toBe(125)
      expect(stderr).toContain('code: CANNOT_BECOME_USER')
    }
  })

  test('it stays root with --as-root, or when root called sudo', () => {
    expect(inSpace(`${asSudo} natspace exec --as-root web id -u`)).toBe('0\n')
    expect(inSpace('SUDO_UID=0 SUDO_GID=0 natspace exec web id -u')).toBe('0\n')
  })
})
