import { test } from 'bun:test'
import { spawn } from 'node:child_process'
import { LinuxKernel } from '/work/main/src/linux/linux.ts'
import { Engine } from '/work/main/src/server/engine/engine.ts'
import { Lab } from '/work/main/src/server/engine/lab/lab.ts'
import { statePaths } from '/work/main/src/space/state/records.ts'
import { requireSandbox } from '/work/main/test/support/sandbox.ts'
requireSandbox()
test('x', async () => {
  using kernel = new LinuxKernel()
  const paths = statePaths('/run/natspace')
  const lab = Lab.build(kernel); await lab.begin({ kernel, paths })
  const counts: Record<string, number> = {}
  let last: unknown
  const engine = new Engine({ mode: 'lab', allowChanges: true, host: '', paths, lab, openKernel: () => new LinuxKernel(), push: e => { const k = e.type === 'walk' ? `walk ${e.walk.outcome}` : e.type; counts[k] = (counts[k] ?? 0) + 1; if (e.type === 'sampled' || e.type === 'lost') last = e }, words: String })
  await engine.handlers.start({})
  await engine.handlers.follow({ space: 'myspace' })
  for (const kind of ['udp', 'tcp']) {
  const child = spawn('ip', ['netns', 'exec', 'myspace', 'python3', '-c', `
import socket,time
end=time.time()+4
n=0
while time.time()<end:
  if '${kind}'=='udp':
    s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.sendto(b'x',('192.168.1.15',1+n%60000)); s.close()
  else:
    s=socket.socket(); 
    try: s.connect(('192.168.1.15',1+n%60000))
    except OSError: pass
    s.close()
  n+=1
  if n%10==0: time.sleep(0.001)
print(n)`], { stdio: ['ignore', 'inherit', 'inherit'] })
  let at = performance.now(), lags: number[] = []
  const timer = setInterval(() => { const now = performance.now(); lags.push(now - at - 10); at = now }, 10)
  await new Promise(r => child.once('exit', r))
  clearInterval(timer)
  lags.sort((a, b) => a - b)
  console.log(kind, 'max lag', lags.at(-1), 'p99', lags[Math.floor(lags.length * 0.99)], 'p50', lags[lags.length >> 1], lags.length, counts, last, process.memoryUsage().rss >> 20)
  }
  const t = performance.now(); await engine.handlers.topology({}); console.log('topology', performance.now() - t)
  engine[Symbol.dispose]()
}, 60000)
