/** The living table, with nft(8) as the second opinion: what it lists, and what it makes of our text. */
import { describe, expect } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectOnNewHost } from '../support/host.ts'
import { requireTool } from '../support/tools.ts'

const nftTest = requireTool('ip', 'nft')
const print = `${process.execPath} ${join(import.meta.dirname, '../support/print-table.ts')}`

/**
 * `listed`: our table by nft; `ours`: the same by natspace; `again`: what nft lists after it loaded our text. nft 1.0.6
 * itself does not read `nd-neighbor-solicit-nd-neighbor-advert`, which it therefore does not print either: `135-136`.
 */
const compared = (script: string): Record<'listed' | 'ours' | 'again', string> => {
  const output = expectOnNewHost(`
    ${script}
    nft list table inet natspace >/run/listed
    ${print} >/run/ours
    nft -c -f /run/ours
    nft delete table inet natspace
    nft -f /run/ours
    nft list table inet natspace >/run/again
    for part in listed ours again; do echo "=== $part"; cat /run/$part; done`)
  const part = (name: string) =>
    new RegExp(`=== ${name}\n([\\s\\S]*?)(?==== |$(?![\\s\\S]))`).exec(output)?.[1] ?? ''
  return { listed: part('listed'), ours: part('ours'), again: part('again') }
}

/** Every option that adds elements, in both families. */
const everything = `
  ip address add 2001:db8::32/64 dev eth0 nodad
  ip -6 route add default via 2001:db8::1
  natspace up -q db --ipv6 on
  natspace up -q web --ipv6 on --uplink eth0 --source 192.168.1.32 --source 2001:db8::32 \
    -p 8080:80 -p 192.168.1.32:8081:81 -p 9000-9010 -p 192.168.1.32:9100-9110 -p 127.0.0.1:5353:53/udp \
    -p '[2001:db8::32]:8082:82' -p '[2001:db8::32]:9200-9210' -p 7000-7002:8000-8002/sctp \
    --egress 10.0.0.0/8 --egress any:53/udp --egress '[2001:db8::/32]:443/tcp' --egress any/icmp \
    --egress 192.168.1.15:80-90/tcp --connect db --metadata --host all --rate-up 10mbit --rate-down 20mbit
  natspace up -q alone --internal --host none
  ip netns add pod
  echo '{"cniVersion":"1.1.0","name":"net","type":"natspace","noMasquerade":["10.244.0.0/16","2001:db8:1::/64"],
    "ipam":{"ranges":[[{"subnet":"10.88.0.0/16"}],[{"subnet":"fd10:88::/64"}]]}}' |
    CNI_COMMAND=ADD CNI_CONTAINERID=pod CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 $executable >/run/result`

const setNames = (text: string): string[] =>
  [...text.matchAll(/\t(?:set|map) (\w+) \{\n([\s\S]*?)\n\t\}/g)].flatMap(([, name = '', body = '']) =>
    body.includes('elements = {') ? [name] : [],
  )

describe('the table is printed as nft lists it, and nft makes the same of it', () => {
  nftTest('the space of the article', () => {
    const { listed, ours, again } = compared('natspace up -q myspace $article')
    expect(listed).toContain('tcp . 8080 : 192.168.45.3 . 80')
    expect(ours).toBe(listed)
    expect(again).toBe(listed)
  })

  nftTest('both families, with everything that can be asked for', () => {
    const { listed, ours, again } = compared(everything)
    expect(ours).toBe(listed)
    expect(again).toBe(listed)
    // No kind of element is left out. `listened` depends on the programs of the host, `forwarding…` on its settings.
    const empty = [...listed.matchAll(/\t(?:set|map) (\w+)/g)]
      .map(([, name = '']) => name)
      .filter(name => !setNames(listed).includes(name))
    expect(empty.filter(name => !/^(?:listened|forwarding[46]|bridges|behind[46])$/.test(name))).toEqual([])
  })

  nftTest('docs/ruleset.md shows the chains that nft lists', () => {
    const { listed } = compared('natspace up -q myspace $article')
    const document = readFileSync(join(import.meta.dirname, '../../docs/ruleset.md'), 'utf8')
    const shown = [...document.matchAll(/```nft\n([\s\S]*?)\n```/g)].map(([, text]) => text ?? '')
    const chains = [...listed.matchAll(/\t(chain \w+ \{\n[\s\S]*?\n\t\})/g)].map(([, text]) =>
      (text ?? '').replaceAll(/\n\t/g, '\n'),
    )
    expect(chains.length).toBeGreaterThan(10)
    // Counters of refusals may have begun to count.
    const still = (texts: string[]) =>
      texts.map(text => text.replaceAll(/packets \d+ bytes \d+/g, 'packets 0 bytes 0')).toSorted()
    expect(still(shown)).toEqual(still(chains))
  })
})

describe('the number of rules', () => {
  const many = 1000

  nftTest(
    `is the same for 1 space and for ${many}`,
    () => {
      const spaces = Array.from({ length: many }, (_, i) => `s${i}: { publish: ["${10_000 + i}:80"] }`)
      const output = expectOnNewHost(`
        rules() { nft -a list table inet natspace | grep '# handle' | grep -vc 'chain \\|set \\|map \\|table '; }
        natspace up -q one; rules; natspace down -q one
        cat >/run/many.yaml <<'END'
spaces: { ${spaces.join(', ')} }
END
        natspace up -q -f /run/many.yaml; rules
        nft -j list set inet natspace spaces | tr ',' '\\n' | grep -c veth`)
      const [one, thousand, members] = output.trim().split('\n').map(Number)
      expect(members).toBe(many)
      expect(one).toBeGreaterThan(40)
      expect(thousand).toBe(one)
    },
    60_000,
  )
})
