import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { canonicalIp, isLoopback, isUnspecified } from '../../linux/net/ip.ts'
import { NatspaceError } from '../../space/errors.ts'
import { quote } from '../../space/spec/quote.ts'
import { readSecret, type Secret } from './auth.ts'

/** Where and how to listen, as the options said it. */
export type SiteOptions = {
  address: string
  /** 0: a free one. */
  port: number
  tls: TlsFiles | undefined
  secret: Secret | undefined
}

export type TlsFiles = { cert: string; key: string; names: string[] }

export type GivenSite = { listen?: string; port?: string; tls?: string; auth?: string }

/**
 * Reads --listen, --port, --tls and --auth, and the files that they name, while this process may still read them. Throws
 * NatspaceError (exit 2): BAD_LISTEN, BAD_NUMBER, BAD_TLS_FILE, BAD_AUTH_FILE, and OPEN_LISTEN for an address that others reach without
 * both of TLS and a secret.
 */
export const readSite = ({ listen = '127.0.0.1', port = '0', tls, auth }: GivenSite): SiteOptions => {
  const address = canonicalIp(listen)
  if (address === undefined)
    throw refuse('BAD_LISTEN', `--listen ${quote(listen)}`, 'it is no IPv4 or IPv6 address', [
      'write --listen 127.0.0.1, or leave it out',
    ])
  if (!isLoopback(address) && (tls === undefined || auth === undefined))
    throw refuse(
      'OPEN_LISTEN',
      `--listen ${quote(listen)}`,
      'others can reach that address, and the page shows and does what root may',
      [
        'write --tls CERT,KEY and --auth FILE as well',
        'or let ssh carry it: ssh -L 8080:127.0.0.1:8080 HOST, with --port 8080 there',
      ],
    )
  const files = tls === undefined ? undefined : readTls(tls)
  if (isUnspecified(address) && files !== undefined && files.names.length === 0)
    throw refuse('BAD_TLS_FILE', `--tls ${quote(tls ?? '')}`, 'the certificate names no host', [
      'use one that has the name of this host as a subjectAltName, or --listen with one address',
    ])
  return {
    address,
    port: readPort(port),
    tls: files,
    secret: auth === undefined ? undefined : readSecret(auth),
  }
}

const readPort = (text: string): number => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw refuse(
    'BAD_NUMBER',
    `--port ${quote(text)}`,
    'it is a number from 1 to 65535, or 0 for any that is free',
    ['write --port 8080'],
  )
}

const readTls = (text: string): TlsFiles => {
  const bad = (why: string) =>
    refuse('BAD_TLS_FILE', `--tls ${quote(text)}`, why, ['write --tls CERT.pem,KEY.pem'])
  const [certPath, keyPath, ...more] = text.split(',')
  if (!certPath || !keyPath || more.length > 0) throw bad('it takes two files, with a comma between them')
  try {
    const cert = readFileSync(certPath, 'utf8')
    const key = readFileSync(keyPath, 'utf8')
    // Says early, and in one place, whether they fit together.
    createSecureContext({ cert, key })
    return { cert, key, names: certificateNames(new X509Certificate(cert).subjectAltName) }
  } catch (error) {
    throw bad((error as Error).message)
  }
}

/** The hosts that a certificate is for: 'DNS:a.example, IP Address:192.0.2.1'. One with a star is for no certain host. */
export const certificateNames = (text: string | undefined): string[] =>
  (text ?? '').split(/, */).flatMap(part => {
    const [, kind, name = ''] = /^(DNS|IP Address):(.+)$/.exec(part) ?? []
    if (kind === 'IP Address') return canonicalIp(name) ?? []
    return kind === 'DNS' && /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(name) ? name.toLowerCase() : []
  })

const refuse = (code: string, option: string, why: string, fix: string[]): NatspaceError =>
  new NatspaceError({ code, exit: 2, what: `cannot use ${option}`, why, fix })
