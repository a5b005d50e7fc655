import { unpublish } from '../../space/reconcile/publish.ts'
import { parsePublishedPort } from '../../space/spec/published-port.ts'
import { defineCommand } from '../command.ts'
import { portOptions, runOnPorts } from '../published-ports.ts'
import { publishText } from '../summary.ts'

export const unpublishCommand = defineCommand({
  name: 'unpublish',
  summary: 'close published ports of a space that is up',
  usage: ['NAME SPEC...'],
  about: [
    'SPEC names a published port by the side of the host: [HOSTIP:]PORT[-END][/tcp|udp|sctp]. The port inside may follow as in natspace publish, and must then be right. Without HOSTIP a port is found too that is published on one address of the host alone; on several it must be said which. A range is closed as a whole.',
    'Connections through the port end, those through other ports do not notice. The rules change in one step, for every SPEC or for none.',
  ],
  options: portOptions,
  completes: 'space',
  examples: [
    { command: 'natspace unpublish web 8080', does: 'whatever port inside 8080 of this host leads to' },
    { command: 'natspace unpublish web 127.0.0.1:5353:53/udp', does: 'exactly this one' },
  ],
  run: input =>
    runOnPorts(
      {
        command: 'unpublish',
        parse: parsePublishedPort,
        change: unpublish,
        changed: port => `closed ${publishText(port)}`,
        unchanged: name => `${name} is as it was; nothing to do`,
      },
      input,
    ),
})
