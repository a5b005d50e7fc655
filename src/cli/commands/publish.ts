import { publish } from '../../space/reconcile/publish.ts'
import { parsePublish } from '../../space/spec/publish.ts'
import { defineCommand } from '../command.ts'
import { portOptions, runOnPorts } from '../published-ports.ts'
import { publishText } from '../summary.ts'

export const publishCommand = defineCommand({
  name: 'publish',
  summary: 'lead more ports of this host into a space that is up',
  usage: ['NAME SPEC...'],
  about: [
    'SPEC is [HOSTIP:]PORT[-END][:PORT[-END]][/tcp|udp|sctp], as for natspace up -p: the side of the host first, then the inside.',
    'What the space publishes already stays, and all else about it; a port that is published so already is no error. The rules change in one step, for every SPEC or for none, and connections through other ports do not notice.',
    'natspace up NAME closes what is not among its own options, whoever published it.',
  ],
  options: portOptions,
  completes: 'space',
  examples: [
    { command: 'natspace publish web 8443:443', does: 'port 8443 of this host leads to port 443 inside' },
    { command: 'natspace publish web 127.0.0.1:5353:53/udp', does: 'for programs of this host only' },
  ],
  run: input =>
    runOnPorts(
      {
        command: 'publish',
        parse: parsePublish,
        change: publish,
        changed: port => `published ${publishText(port)}`,
        unchanged: name => `${name} publishes that already; nothing to do`,
      },
      input,
    ),
})
