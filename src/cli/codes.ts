import { catalogue } from '../insight/doctor/catalogue.ts'
import { frontCodes } from '../server/front/codes.ts'
import { type CodeText, spaceCodes } from '../space/codes.ts'

const code = (title: string, meaning: string, remedy: string): CodeText => ({ title, meaning, remedy })

const helpTells = 'natspace COMMAND --help tells how the command is used.'

/** Codes of the command itself, beside those of the engine. */
const commandCodes: Readonly<Record<string, CodeText>> = {
  BAD_CHOICE: code('The option has no such value', 'It takes one of a few words.', 'The message lists them.'),
  BAD_CAPTURE_POINT: code(
    'No point to capture at',
    '--at takes the name of an interface, or that of a namespace (or its path), a colon, and an interface in it.',
    'Write --at eth1, or --at web:eth0.',
  ),
  BAD_DESTINATION: code(
    'The destination of a trace is wrong',
    'It is HOST[:PORT][/tcp|udp|icmp], where HOST is an address: a packet bears no name, and who would look it up is another question.',
    'The message says what is wrong. natspace exec NAME -- getent ahosts HOST looks a name up as programs in the space do.',
  ),
  BAD_ENVIRONMENT: code(
    'A variable of the environment has a wrong value',
    'NATSPACE_STATE is an absolute path, NATSPACE_LOCK_TIMEOUT a number of seconds.',
    'Unset the variable, or correct it.',
  ),
  BAD_FILTER: code(
    'The filter cannot be read',
    'It is not in the language of pcap-filter(7), or uses a part of it that natspace does not know. The message tells the column.',
    'Correct it; names of hosts are not looked up, so write addresses.',
  ),
  BAD_NETWORK: code(
    'The network for containers is not said rightly',
    'natspace cni hands the values to the plugin, which would refuse them with every container.',
    'The message says which one, and why; docs/cni.md has them all.',
  ),
  BAD_NUMBER: code(
    'The option takes a number',
    'It is no number, or none that is possible there.',
    'The message tells which numbers are.',
  ),
  BAD_ORIGIN: code(
    'Where the flows come from is not said rightly',
    'It is HOST[:PORT], where HOST is an address and PORT a source port, or the word any.',
    'The message says what is wrong.',
  ),
  BAD_TRACE_FILE: code(
    'The file of a trace cannot be read',
    'It was not written by natspace trace --save, was changed or cut off, or a newer natspace wrote it. The message tells the line and the field.',
    'Name a file of natspace trace --save, or use the natspace that wrote it.',
  ),
  BUSY: code(
    'Too many questions wait',
    'The page asks one engine, which sends one probe or makes one change at a time; so many wait already that another is refused.',
    'Try again in a moment.',
  ),
  CANNOT_BECOME_USER: code(
    'The program cannot run as the user who called sudo',
    'This root may not take the identity of that user, as in a user namespace which knows root alone.',
    'natspace exec --as-root runs the program as root.',
  ),
  CANNOT_SAVE_TRACE: code(
    'The trace cannot be saved there',
    'The file is made beside its place and put there when it is whole; a symbolic link, a folder or a device is not replaced.',
    'Name a file in a folder of your own.',
  ),
  CANNOT_WRITE_CAPTURE: code(
    'The capture cannot be written there',
    'A symbolic link is not followed, a pipe must be your own, and a folder must be one that you can write in.',
    'Name a file in a folder of your own, or -w - for stdout.',
  ),
  CHANGES_NOT_ALLOWED: code(
    'The page may only look',
    'natspace ui changes nothing unless it was started with --allow-changes; what can be planned is shown all the same.',
    'Start it with --allow-changes, or try the change in the lab: natspace ui --lab.',
  ),
  CNI_ATTACHED: code(
    'Containers are attached to the network',
    'natspace cni uninstall would take away the plugin, and the runtime could not take away what the containers have.',
    'Stop the containers. With --force it goes all the same; natspace ls shows the spaces, and natspace down removes one.',
  ),
  CNI_FILE_TAKEN: code(
    'A file of somebody else is where the plugin or its list has to be',
    'natspace cni install replaces only an older natspace, and a list that is to the byte as natspace wrote it. The message names the file.',
    'Look at it. --force replaces it; --name, --file or --conf-dir choose another place for the list.',
  ),
  CNI_KEPT: code(
    'A file was kept',
    'natspace cni uninstall takes away what is to the byte what this natspace wrote, and the program only when no list needs it.',
    'Look at it, and remove it yourself if nothing needs it.',
  ),
  CNI_NAME_TAKEN: code(
    'Another list has a network of the same name',
    'Runtimes that take a network by its name could not tell which of both is meant.',
    'Choose another name with --name, or move the other list away.',
  ),
  CNI_NOT_FIRST: code(
    'The list would not be the first one',
    'containerd, CRI-O and Kubernetes take the first list of the folder, by the names of the files, and another one comes before.',
    'Move the other list away, or give this one an earlier name with --file. Podman and Nomad take a network by its name: for them --force is enough.',
  ),
  CONFLICTING_OPTIONS: code(
    'Two options exclude each other',
    'Both say the same thing, differently, or they belong to different uses of the command.',
    helpTells,
  ),
  FIX_FAILED: code(
    'A command that should mend something failed',
    'natspace doctor --fix ran the commands of a finding, and one of them ended with an error. Those before it have been carried out.',
    'The message has the command, what it said, and how to take back what was done.',
  ),
  GIVEN_TWICE: code(
    'An option is given twice',
    'It has one value, and natspace does not guess which.',
    'Leave one out.',
  ),
  INTERNAL: code(
    'natspace failed by a mistake of its own',
    'Something happened that natspace does not expect.',
    'Run it again with -v, which prints where it happened, and report it.',
  ),
  LAB_FAILED: code(
    'The lab could not be built',
    'A step of building the hosts and the LAN of the lab failed; nothing outside of it was touched.',
    'The message says which.',
  ),
  LAB_NOT_INSIDE: code(
    'The lab is not in namespaces of its own',
    'Before it changes anything, the lab proves that it is not in the namespaces of the machine. It was.',
    'Start it as natspace lab, without hidden arguments.',
  ),
  LAB_REFUSED: code(
    'This machine refuses namespaces to ordinary users',
    'The lab needs a user namespace, and a setting of the kernel, or the container around, does not allow one.',
    'The message names the setting. As root the lab needs none.',
  ),
  NEEDS_YES: code(
    'Nobody can be asked',
    'natspace doctor --fix asks before it runs commands, and stdin is no terminal.',
    'Give --yes when you know what they do; the message lists them.',
  ),
  MISSING_ARGUMENT: code('An argument is missing', 'The command does not know what to work on.', helpTells),
  MISSING_VALUE: code(
    'The value of an option is missing',
    'What follows the option looks like another option, or nothing follows.',
    'Write --option=VALUE; so a value may begin with a dash.',
  ),
  NO_CAPTURE_POINT: code(
    'An interface to capture at is not there',
    'The space has a record, but its cable was taken away, or an end of it was renamed; or --at names what is not there, or what is of a kind that is not understood.',
    'natspace status shows what is missing of the space, and how to repair it.',
  ),
  NO_LAB: code(
    'There is no lab here',
    'The page shows this host; the lab is a host of its own, which is made when natspace ui is started for it.',
    'Start it with natspace ui --lab.',
  ),
  NO_SUCH_FOLLOW: code(
    'That follow is over',
    'Its space went down, nobody listened any more, or it was ended by another page.',
    'Begin another one.',
  ),
  NO_SUCH_WALK: code(
    'That walk is not kept any more',
    'The engine keeps the last 200 walks, and none when it ends.',
    'Send the packet again, and save a walk to a file where it shall stay.',
  ),
  NOT_IN_FILE: code(
    'The file has no such space',
    'Names beside -f choose spaces of the file.',
    'Name one that is in it.',
  ),
  NO_FILE: code(
    'The file cannot be read',
    'It is not there, is a folder, or may not be read.',
    'Name a file, or - for stdin.',
  ),
  INTERFACE_GONE: code(
    'The interface of another plugin is not as it was',
    'A container runtime had another plugin make the interface, and natspace adds to it: published ports, limits, settings. Without the interface, its address or the link that leads to it there is nothing to add to.',
    'Have the runtime make the container anew; DEL and natspace down take away what is left.',
  ),
  NOT_OURS: code(
    'The space belongs to a container runtime',
    'A runtime has asked for it by CNI: its namespace, its addresses and its end are the runtime’s, and a command that knows nothing of them would make another space of the same name.',
    'Let the runtime do it. natspace publish, unpublish, status, doctor, watch and down work on it as on any other.',
  ),
  NO_NAMESPACE: code(
    'There is no such namespace',
    'Nothing is pinned at that path. A namespace pinned in another mount namespace is not seen from here.',
    'natspace ls and ip netns list show those that are there.',
  ),
  NO_PROGRAM: code(
    'natspace is no single executable here',
    'A container runtime starts one executable file as its plugin, and this natspace is a script that a runtime of JavaScript runs.',
    'Use the executable: npm run build makes dist/natspace.',
  ),
  PROGRAM_NOT_EXECUTABLE: code(
    'The program cannot be executed',
    'The file is there, but is no program, or this user may not run it. Exit status 126.',
    'Look at its permissions. Under sudo it runs as the user who called sudo; --as-root changes that.',
  ),
  PROGRAM_NOT_FOUND: code(
    'There is no such program',
    'It is in no folder of PATH, or the interpreter that a script names is not there. Exit status 127.',
    'Write its path, or correct PATH.',
  ),
  PROGRAM_UNSAFE: code(
    'Others than root can replace natspace itself',
    'The units that natspace enable writes start this program as root at boot. It, or a folder on its way, belongs to somebody else or may be written to by others.',
    'Put natspace where only root can write, such as /usr/local/bin, and enable with that one.',
  ),
  SPACE_WENT_DOWN: code(
    'The space went down during a capture',
    'Its cable was taken away, so no packet can come any more. Everything until then is written.',
    'Bring it up again, and start another capture.',
  ),
  SYSTEM_ERROR: code(
    'A system call failed',
    'The kernel refused something for a reason that natspace has no better words for.',
    'The message names the call and the reason.',
  ),
  TERMINAL_OUTPUT: code(
    'Packets are not written to a terminal',
    'A pcapng file is bytes, which a terminal would take for commands.',
    'Leave out -w to see a line for each packet, or lead stdout into a file or a pipe.',
  ),
  TOO_MANY_FOLLOWS: code(
    'Too many spaces are followed at once',
    'Each follow marks packets and reads what the kernel tells of them, which costs the host some work; pages together have four.',
    'End one of them.',
  ),
  UNEXPECTED_ARGUMENT: code(
    'There is an argument too many',
    'The command does not know what to do with it.',
    helpTells,
  ),
  UNKNOWN_COMMAND: code(
    'There is no such command',
    'It may be mistyped.',
    'natspace --help lists the commands.',
  ),
  UNKNOWN_OPTION: code(
    'There is no such option',
    'It may be mistyped, or belong to another command.',
    helpTells,
  ),
  UNKNOWN_TOPIC: code(
    'There is nothing of that name to explain',
    'natspace explain knows the steps 1 to 9, some topics, and the codes of errors and warnings.',
    'natspace explain, without arguments, tells everything in order.',
  ),
  UNSHARE_MISSING: code(
    'The program unshare is missing',
    'A process with threads cannot enter a user namespace by itself, so the lab is started through unshare.',
    'Install util-linux.',
  ),
  UNWANTED_VALUE: code('There is a value too many', 'The option or command takes none.', helpTells),
  WATCH_FIGHT: code(
    'Another program undoes each repair',
    'natspace watch repaired the same thing several times in a row, and each time somebody changed it again within half a minute. Going on would only make two programs work against each other, so the space is left alone for a while: five minutes, then ten, an hour at most. Other spaces are watched on.',
    'The message names the program where the kernel tells it. Find out why it does so, or take the space down. SIGHUP makes natspace watch try again at once, and --give-up-after says how many repairs it takes.',
  ),
}

/** What the doctor may find, in the same form. */
const faultCodes: Readonly<Record<string, CodeText>> = Object.fromEntries(
  Object.entries(catalogue).map(([name, { title, why, remedy, detection }]) => [
    name,
    code(title, `${why} natspace doctor tells it by this: ${detection}.`, remedy),
  ]),
)

/** All codes that `natspace explain` knows. */
export const codes: Readonly<Record<string, CodeText>> = {
  ...spaceCodes,
  ...commandCodes,
  ...frontCodes,
  ...faultCodes,
}
