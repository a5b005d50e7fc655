import type { CodeText } from '../../space/codes.ts'

const code = (title: string, meaning: string, remedy: string): CodeText => ({ title, meaning, remedy })

const newLink = 'Press Enter where natspace ui runs, or send it SIGUSR1: it prints a new link.'
const asPrinted = 'Use the link as natspace ui printed it, in a browser of this machine.'
const program = 'The page itself never does that; a program of your own must do as docs/ui.md says.'

/** Codes of the server behind natspace ui. */
export const frontCodes: Readonly<Record<string, CodeText>> = {
  BAD_AUTH_FILE: code(
    'The file of --auth cannot be used',
    'It is a regular file of one line, NAME:PASSWORD or a token, with at least 16 characters of secret; it belongs to you or to root, and nobody else may read it.',
    'The message says what is wrong, and how such a file is made.',
  ),
  BAD_LISTEN: code(
    'There is no such address to listen on',
    'It is an IPv4 or IPv6 address of this host, not a name.',
    'Write --listen 127.0.0.1, or leave it out.',
  ),
  BAD_REQUEST: code(
    'The server cannot read the request',
    'It is no request that the page makes: its path, a header that comes twice, its type, or a field of its body is wrong. Nothing was done.',
    'Reload the page, as another version of natspace may serve it now.',
  ),
  BAD_TLS_FILE: code(
    'The files of --tls cannot be used',
    'They are a certificate (with its chain) and its private key in PEM, with a comma between their names. Where natspace listens on every address the certificate must name a host.',
    'The message says what is wrong.',
  ),
  CANNOT_LISTEN: code(
    'The server cannot listen there',
    'The address is none of this host, or the kernel does not give the port to this user.',
    'ip address lists the addresses; ports from 1024 on are for everybody.',
  ),
  ENGINE_BUSY: code(
    'The server has too much to do',
    'More questions wait for their answers than a page can have.',
    'Try again in a moment.',
  ),
  ENGINE_ENDED: code(
    'The page lost the part that speaks to the kernel',
    'The server is two processes, and neither stays without the other. Somebody ended the engine, or it failed.',
    'Start natspace ui again; the message tells how the engine ended.',
  ),
  ENGINE_GONE: code(
    'The part that speaks to the kernel has ended',
    'The server is two processes, and neither stays without the other.',
    'Start natspace ui again.',
  ),
  LISTEN_TAKEN: code(
    'Another program listens on that port',
    'One port of an address belongs to one program.',
    'Leave out --port: any free one is taken then. ss -ltnp tells who has it.',
  ),
  METHOD_NOT_ALLOWED: code(
    'The request asks for what is not there to be done',
    'GET only reads, and each path knows its own methods.',
    program,
  ),
  NOT_READY: code(
    'The server is still starting',
    'The engine has not answered yet.',
    'Try again in a moment.',
  ),
  NO_SESSION: code(
    'This browser has not been let in',
    'The link was opened in another browser, or the server was started again: its cookies are worth nothing then.',
    newLink,
  ),
  OPEN_LISTEN: code(
    'Others could reach the page',
    'It shows every rule of the host and sends packets, so an address that others reach needs TLS, and a secret besides the link.',
    'Give --tls CERT,KEY and --auth FILE, or let ssh carry it: ssh -L 8080:127.0.0.1:8080 HOST with natspace ui --port 8080 there.',
  ),
  PAGE_MISSING: code(
    'The page is not built',
    'natspace runs from its sources, and the page is made of others by the build.',
    'npm run build.',
  ),
  REQUEST_TOO_LONG: code(
    'The request is too long',
    'A spec file may have a million characters here, everything else some thousand.',
    'Use the command for longer ones: natspace up -f FILE.',
  ),
  TOO_MANY_PAGES: code(
    'Too many pages are open',
    'Each open page keeps a connection on which it is told what happens.',
    'Close one of them.',
  ),
  WRONG_HOST: code(
    'The request is meant for another host',
    'A name of somebody else may point at this machine to make your browser ask here (DNS rebinding), so the server answers to its own names alone.',
    asPrinted,
  ),
  WRONG_ORIGIN: code(
    'The request does not come from the page',
    'Another site may make your browser send requests here, so only those of the page are answered: their Origin and Sec-Fetch-Site headers, which no site can forge, say so.',
    asPrinted,
  ),
  WRONG_SECRET: code(
    'The secret of --auth is missing or wrong',
    'Every request must carry it. After ten wrong ones in a minute an address is not listened to for the rest of it.',
    'The browser asks for the name and the password in the file; a program sends Authorization: Bearer with the token.',
  ),
  WRONG_TOKEN: code(
    'The link opens nothing',
    'Each link works once, and a new one makes those before worthless.',
    newLink,
  ),
}
