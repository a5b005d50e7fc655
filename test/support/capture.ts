/** Shell functions for scripts that capture on a host made for a test (see host.ts). */
import { join } from 'node:path'

export const captureHelpers = `
# capture ARGUMENT...: begins a capture, and returns when it is one.
capture() {
  : >/run/err
  $executable capture "$@" 2>/run/err & capture=$!
  # A script that fails must not be waited for.
  trap 'kill $capture 2>/run/ignored || true' EXIT
  for attempt in $(seq 500); do grep -q 'capturing at' /run/err && break; sleep 0.01; done
}
finish() {
  kill -INT $capture; code=0; wait $capture || code=$?
  echo "status $code"; cat /run/err
}
# serve: a server on port 80 inside, which answers a line with a line.
serve() {
  echo answer | ip netns exec myspace timeout 5 nc -lN 80 >/run/got &
  for attempt in $(seq 100); do
    ip netns exec myspace ss -Hltn 'sport = :80' | grep -q . && break; sleep 0.01
  done
}
file() { echo "FILE $(base64 -w0 $1)"; }
flood() { ip netns exec myspace ${process.execPath} ${join(import.meta.dirname, 'send-datagrams.ts')} "$@"; }
`
