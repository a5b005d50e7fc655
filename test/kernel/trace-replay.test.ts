/** What `natspace trace --save` keeps, and `--replay` tells again: the same bytes, without anything of what was there. */
import { describe, expect } from 'bun:test'
import { expectOnNewHost } from '../support/host.ts'
import { requireSandbox } from '../support/sandbox.ts'
import { requireTool } from '../support/tools.ts'

requireSandbox()

const test = requireTool('ip', 'nft', 'setpriv')

/** `replay FILE [OPTION]...` in another namespace, without any privilege. */
const replay = `
export NO_COLOR=1
replay() { ip netns exec host2 setpriv --bounding-set=-all --inh-caps=-all $executable trace --replay "$@"; }
same() { cmp /run/then /run/now && echo same; }
`

describe('a probe that was saved', () => {
  test('is told again in the same words, by whoever may read the file', () => {
    const output = expectOnNewHost(`${replay}
      natspace up -q myspace $article
      nft -f - <<'END'
table ip other { chain forward { type filter hook forward priority 5; udp dport 53 drop comment "no names"; }; }
END
      mkdir /run/kept; cd /run/kept
      for form in '' -v --json; do
        natspace trace myspace --to 192.168.1.15 --save one $form >/run/then
        replay one $form >/run/now; same
        replay - $form <one >/run/now; same
        status=0; natspace trace myspace --to 192.168.1.15:53/udp --timeout 0.3 --save two $form >/run/then || status=$?
        replay two $form >/run/now || echo "$status $?"; same
        natspace trace myspace --to 192.168.1.15:81 --predict --save three $form >/run/then
        replay three $form >/run/now; same
      done
      stat -c '%a %n' *
      natspace trace myspace --to 192.168.1.15 --save one >/run/then
      natspace down -q myspace; nft flush ruleset
      replay one >/run/now; same
      head -n 1 one | tr -d '\\n' | tail -c 200`)
    const each = 'same\nsame\n3 3\nsame\nsame\n'
    expect(output).toStartWith(`${each}${each}${each}600 one\n600 three\n600 two\nsame\n`)
    const header = JSON.parse(output.slice(output.lastIndexOf('{'))) as Record<string, unknown>
    expect(header).toMatchObject({ schemaVersion: 1, kind: 'trace', natspace: expect.any(String) })
    expect(header.kernel).toMatch(/^\d+\.\d+/)
  })

  test('replaces a file, but no link; nothing is left when it is not whole', () => {
    const output = expectOnNewHost(`${replay}
      natspace up -q myspace $article
      mkdir /run/kept; cd /run/kept
      echo old >file; ln -s file link
      natspace trace -q myspace --to 192.168.1.15 --save file >/dev/null
      head -c 12 file; echo
      for path in link /run/kept /run/none/file /dev/null; do
        status=0; natspace trace myspace --to 192.168.1.15 --save $path >/run/then 2>/run/err || status=$?
        echo "$status $(grep -o 'code: [A-Z_]*' /run/err) $(wc -c </run/then)"
      done
      rm file link
      $executable trace -q myspace --to 192.168.1.77 --timeout 30 --save file >/dev/null 2>&1 &
      for n in $(seq 1000); do ls | grep -q tmp && nft list tables | grep -q natspace-trace && break; sleep 0.01; done
      kill -TERM $!; status=0; wait $! || status=$?
      echo "$status $(ls | wc -l)"`)
    const refused = '1 code: CANNOT_SAVE_TRACE 0\n'
    expect(output).toBe(`{"natspace":\n${refused.repeat(4)}143 0\n`)
  })
})

describe('flows that were followed and saved', () => {
  test('are told again with their numbers', () => {
    const output = expectOnNewHost(`${replay}
      natspace up -q myspace $article
      for form in '' --json; do
        natspace trace myspace --save /run/flows $form -- sh -c 'exec >/dev/null; ping -c 1 192.168.1.15; ping -c 1 192.168.45.2' >/run/then 2>/dev/null
        replay /run/flows $form >/run/now; same
      done
      wc -l </run/flows`)
    expect(output).toBe('same\nsame\n5\n')
  })
})

describe('a file that is none', () => {
  test('is refused with the line and the field, and never shown as it is', () => {
    const output = expectOnNewHost(`${replay}
      natspace up -q myspace $article
      cd /run; natspace trace -q myspace --to 192.168.1.15 --save good >/dev/null
      sed 's/"schemaVersion":1/"schemaVersion":7/' good >newer
      sed 's/"isOld":false/"isOld":"\\\\u001b[2J"/' good >bad
      sed 's/"name":"myspace"/"name":"\\\\u001b]0;owned\\\\u0007"/' good >hostile
      head -c 3000 good >short
      printf 'hello\\n' >text
      for file in newer bad short text none .; do
        status=0; replay $file >/run/out 2>/run/err || status=$?
        echo "$status $(grep -o 'code: [A-Z_]*' /run/err) $(wc -c </run/out)"
      done
      replay newer 2>&1 | grep -o 'a newer natspace wrote it' || true
      replay bad 2>&1 | grep -o "line 2, field 'observation.isOld'" || true
      replay hostile | head -n 1 | cut -c 1-32
      for words in 'good myspace' 'good --to 192.168.1.15' 'good --save other'; do
        status=0; replay $words >/dev/null 2>/run/err || status=$?
        echo "$status $(grep -o 'code: [A-Z_]*' /run/err)"
      done`)
    expect(output).toBe(
      [
        '2 code: BAD_TRACE_FILE 0',
        '2 code: BAD_TRACE_FILE 0',
        '2 code: BAD_TRACE_FILE 0',
        '2 code: BAD_TRACE_FILE 0',
        '2 code: NO_FILE 0',
        '2 code: NO_FILE 0',
        'a newer natspace wrote it',
        "line 2, field 'observation.isOld'",
        '\\x1b]0;owned\\x07: an echo by ICM',
        '2 code: UNEXPECTED_ARGUMENT',
        '2 code: CONFLICTING_OPTIONS',
        '2 code: CONFLICTING_OPTIONS',
        '',
      ].join('\n'),
    )
  })
})
