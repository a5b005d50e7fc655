import { expect } from 'bun:test'
import { expectError, expectErrors, expectSilence, expectSuccess, jsonOf } from './expect.ts'
import type { Conformance } from './types.ts'

/** Section 1, what a configuration is; section 2, what the environment says. */
export const parameters: Conformance[] = [
  {
    id: 'configuration-name',
    section: '1 Network configuration',
    level: 'must',
    says: 'a network name begins with a letter or digit, and has only these, `_`, `.` and `-`',
    script: `for name in .net -net 'a/b' 'a b' '' ..; do request ADD "$(network "$pool")"; done
      name=Net_1.a-b$n; request ADD "$(network "$pool")"; request DEL "$(network)"`,
    holds: run => {
      expectErrors({ ...run, replies: run.replies.slice(0, 6) }, 6, 7)
      expectSuccess(run.replies[6])
      expectSilence(run.replies[7])
    },
  },
  {
    id: 'configuration-unknown-key',
    section: '1 Network configuration',
    level: 'may',
    says: 'a key that the plugin does not know is an error; it has number 2 and names the key and the value',
    script: `request ADD "$(network "$pool,\\"keyA\\":\\"some value\\"")"`,
    holds: run => {
      const [error] = expectErrors(run, 1, 2)
      expect(`${error?.msg}`).toMatch(/keyA.*some value/)
    },
  },
  {
    id: 'configuration-reserved-keys',
    section: '1 Network configuration',
    level: 'must',
    says: 'keys of the protocol itself (`cniVersions`, `capabilities`, `args`, `cni.dev/…`) are no error',
    script: `request ADD "$(network "$pool,\\"cniVersions\\":[\\"1.0.0\\",\\"1.1.0\\"],\\"capabilities\\":{\\"portMappings\\":true},\\"args\\":{\\"labels\\":{\\"a\\":1}},\\"cni.dev/attachments\\":[]")"`,
    holds: run => void expectSuccess(run.replies[0]),
  },
  {
    id: 'configuration-well-known-keys',
    section: '1 Network configuration',
    level: 'should',
    says: '`ipMasq` and `dns` mean what they say: the container is translated, and the result has the resolvers',
    script: `request ADD "$(network "$pool,\\"ipMasq\\":true,\\"dns\\":{\\"nameservers\\":[\\"192.168.1.15\\"],\\"domain\\":\\"a.test\\",\\"search\\":[\\"b.test\\"],\\"options\\":[\\"ndots:1\\"]}")"
      inside ping -qc1 -W2 192.168.1.15 >/run/ping && echo answered`,
    holds: run => {
      expect(expectSuccess(run.replies[0]).dns).toEqual({
        nameservers: ['192.168.1.15'],
        domain: 'a.test',
        search: ['b.test'],
        options: ['ndots:1'],
      })
      expect(run.lines).toEqual(['answered'])
    },
  },
  {
    id: 'parameters-command',
    section: '2 Parameters',
    level: 'must',
    says: '`CNI_COMMAND` is one of the commands; anything else is error 4 that names it',
    script: `for command in NOPE add 'ADD ' 'ADD;DEL' UPDATE; do request "$command" "$(network "$pool")" CNI_COMMAND="$command"; done`,
    holds: run => {
      for (const error of expectErrors(run, 5, 4)) expect(`${error.msg}`).toContain('CNI_COMMAND')
    },
  },
  {
    id: 'parameters-container',
    section: '2 Parameters',
    level: 'must',
    says: '`CNI_CONTAINERID` is needed by ADD, DEL and CHECK, not empty, begins with a letter or digit and has only these, `_`, `.` and `-`',
    script: `for command in ADD DEL CHECK; do
        request $command "$(network "$pool")" -u CNI_CONTAINERID
        for id in '' -c .c _c 'a/b' '../c' 'a b'; do request $command "$(network "$pool")" CNI_CONTAINERID="$id"; done
      done`,
    holds: run => {
      for (const error of expectErrors(run, 24, 4)) expect(`${error.msg}`).toContain('CNI_CONTAINERID')
    },
  },
  {
    id: 'parameters-interface',
    section: '2 Parameters',
    level: 'must',
    says: '`CNI_IFNAME` is needed by ADD, DEL and CHECK; a name that no interface can have is an error',
    script: `for command in ADD DEL CHECK; do
        request $command "$(network "$pool")" -u CNI_IFNAME
        for name in '' . .. 'a/b' 'a b' 'a:b' sixteen-letters-; do request $command "$(network "$pool")" CNI_IFNAME="$name"; done
      done`,
    holds: run => {
      for (const error of expectErrors(run, 24, 4)) expect(`${error.msg}`).toContain('CNI_IFNAME')
    },
  },
  {
    id: 'parameters-namespace',
    section: '2 Parameters',
    level: 'must',
    says: '`CNI_NETNS` is needed by ADD and CHECK and leads to a network namespace',
    script: `: >/run/plain-file
      for command in ADD CHECK; do
        request $command "$(network "$pool,\\"prevResult\\":{}")" -u CNI_NETNS
        for path in '' relative /run/nothing /run/plain-file /run; do
          request $command "$(network "$pool")" CNI_NETNS=$path
        done
      done`,
    holds: run => {
      expectErrors({ ...run, replies: run.replies.slice(0, 6) }, 6, 4)
      // CHECK also wants the result of ADD, and may say that first.
      expectErrors({ ...run, replies: run.replies.slice(6) }, 6, 4, 7)
    },
  },
  {
    id: 'parameters-arguments',
    section: '2 Parameters',
    level: 'must',
    says: '`CNI_ARGS` are pairs with semicolons between; with `IgnoreUnknown` those for other plugins are no error; without `=` it is error 4',
    script: `request ADD "$(network "$pool")" CNI_ARGS=nonsense
      request ADD "$(network "$pool")" 'CNI_ARGS=FOO=BAR;ABC=123;IgnoreUnknown=1'`,
    holds: ({ replies: [bad, good] }) => {
      expect(`${expectError(bad, 4).msg}`).toContain('CNI_ARGS')
      expectSuccess(good)
    },
  },
  {
    id: 'parameters-no-path',
    section: '2 Parameters',
    level: 'may',
    says: '`CNI_PATH` and `CNI_ARGS` may be missing',
    script: `request ADD "$(network "$pool")" -u CNI_PATH -u CNI_ARGS; request DEL "$(network)" -u CNI_PATH`,
    holds: ({ replies: [added, deleted] }) => {
      expectSuccess(added)
      expectSilence(deleted)
    },
  },
  {
    id: 'errors-status',
    section: '2 Errors',
    level: 'must',
    says: 'the status is 0 for success and another for failure',
    script: `request ADD "$(network "$pool")"; request ADD "$(network "$pool")"; request DEL "$(network)"`,
    holds: ({ replies }) =>
      expect(replies.map(({ status }) => (status === 0 ? 'success' : 'failure'))).toEqual([
        'success',
        'failure',
        'success',
      ]),
  },
  {
    id: 'errors-io',
    section: '5 Error',
    level: 'must',
    says: 'a configuration that cannot be read, or is none, is error 5 or 6',
    script: `for text in '' '{' nonsense '[]x' '{"name":}'; do request ADD "$text"; done
      env CNI_COMMAND=ADD CNI_CONTAINERID=$c CNI_NETNS=/run/netns/$c CNI_IFNAME=eth0 $executable <&- >/run/out || echo "status $?"
      tr -d '\\n' </run/out; echo`,
    holds: run => {
      expectErrors(run, 5, 6)
      expect(run.lines[0]).toBe('status 1')
      expect([5, 6]).toContain((JSON.parse(run.lines[1] ?? '') as { code: number }).code)
    },
  },
  {
    id: 'errors-no-object',
    section: '5 Error',
    level: 'must',
    says: 'JSON that is no configuration is error 7',
    script: `for text in '[]' '"text"' 7 null '{"cniVersion":"1.1.0"}' '{"cniVersion":"1.1.0","name":7}'; do request ADD "$text"; done`,
    holds: run => void expectErrors(run, 6, 7),
  },
  {
    id: 'errors-version',
    section: '5 Error',
    level: 'must',
    says: 'a version of the specification that the plugin does not speak is error 1',
    script: `for version in 0.1.0 0.2.0 1.2.0 2.0.0 nonsense; do request ADD "$(network "$pool")"; request DEL "$(network "$pool")"; done
      request ADD "{\\"name\\":\\"net\\",\\"type\\":\\"natspace\\"$pool}"`,
    holds: run => void expectErrors(run, 11, 1),
  },
  {
    id: 'errors-in-the-version',
    section: '5 Error',
    level: 'should',
    says: 'an error says the version that is spoken, a number, and what went wrong, and nothing else is printed',
    script: `for version in 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0; do request ADD "$(network ',"mtu":-1')"; done`,
    holds: run => {
      const errors = expectErrors(run, 5, 7)
      expect(errors.map(({ cniVersion }) => cniVersion)).toEqual([
        '0.3.0',
        '0.3.1',
        '0.4.0',
        '1.0.0',
        '1.1.0',
      ])
    },
  },
  {
    id: 'errors-own-numbers',
    section: '5 Error',
    level: 'must',
    says: 'errors that the specification does not know have numbers from 100 on',
    script: `request ADD "$(network ',"ipam":{"subnet":"192.168.1.0/24"}')"
      request ADD "$(network "$pool")"; request ADD "$(network "$pool")"`,
    holds: ({ replies: [taken, , twice] }) => {
      for (const reply of [taken, twice])
        expect(Number(reply && jsonOf(reply).code)).toBeGreaterThanOrEqual(100)
    },
  },
]
