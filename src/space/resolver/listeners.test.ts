import { expect, test } from 'bun:test'
import { udpListeners } from './listeners.ts'

/** Read from Linux 6.18 on a little-endian machine while seven sockets were open. */
const udp = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops            
 8171: 2001A8C0:0035 0F01A8C0:8235 01 00000000:00000000 00:00000000 00000000     0        0 7652930 2 0000000032a901f8 0       
 8171: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7652928 2 00000000fc967700 0       
 8171: 0100C80A:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7652927 2 000000004b67a1dd 0       
 8172: 00000000:0036 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7652929 2 00000000a42f7bf0 0       
`
const udp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 8171: B80D0120000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7652932 2 0000000014d62023 0
 8171: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7652931 2 0000000033a54ca5 0
 8173: 0000000000000000FFFF00000100C80A:0037 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 7652933 2 00000000a8e18cb7 0
`

test('the addresses at which sockets wait, without those of clients and of other ports', () => {
  expect(udpListeners(udp, 53, true)).toEqual(['127.0.0.53', '10.200.0.1'])
  expect(udpListeners(udp, 54, true)).toEqual(['0.0.0.0'])
  expect(udpListeners(udp6, 53, true)).toEqual(['2001:db8::1', '::'])
  expect(udpListeners(udp6, 55, true)).toEqual(['10.200.0.1'])
})

test('words are in the byte order of the machine', () => {
  const big = udp.replace('0100C80A', '0AC80001').replace('3500007F', '7F000035')
  expect(udpListeners(big, 53, false)).toEqual(['127.0.0.53', '10.200.0.1'])
})

test('what is no list of sockets holds none', () => {
  for (const text of [
    '',
    'sl local_address',
    '1: 0100C8:0035 00000000:0000 07',
    '1: 0100C80A0100C80A:0035 0:0000',
  ])
    expect(udpListeners(text, 53)).toEqual([])
})
