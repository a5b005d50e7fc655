import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { podman, runtimesFolder, server, stage } from './container-stage.ts'
import { functions, onNewHost, type ScriptResult } from './host.ts'
import { findTool, type Test, testUnless } from './tools.ts'

/**
 * Real container runtimes on a host made for a test. Theory of operation: `npm test` unpacks the packages of containerd,
 * runc and Podman into build/second-opinions/containers and installs none of them. The host lays them over its own /usr,
 * and has /etc, /var and /opt to itself; natspace is brought there by `natspace cni install`. Each runtime has its own
 * folders below /run/containers. It may not use the control groups of the machine: the host sees them read-only, and runc
 * and crun are told to do without. All processes end with the first one of a process namespace.
 *
 * In the script: `containerd_start` ($network: options of the list; $containerd_settings: more of its settings) and
 * `containerd_stop`, `ctr`, `container`, `cri METHOD MESSAGE`; `podman_start`, `podman`, `run`; `until_true COMMAND`;
 * `answer PORT` (what host2 is told there) and `silent PORT`; `compare` (whether all is as at the `baseline`). The image is
 * a busybox whose command serves its own name at port 80.
 */

const criProgram = join(import.meta.dirname, 'cri.ts')

/** As the images of containers call them. */
const architecture = process.arch === 'x64' ? 'amd64' : process.arch

/** In a user namespace there is no group but one's own, and terminals want the one of number 5. */
const containerd = `
containerd_prepare() {
  root_files $home/files
  mkdir $home/image
  tar -C $home/files -cf $home/image/layer.tar .
  cat >$home/image/config.json <<END
{"architecture":"${architecture}","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["/bin/sh","-c","${server}"]},
"rootfs":{"type":"layers","diff_ids":["sha256:$(sha256sum <$home/image/layer.tar | cut -d' ' -f1)"]}}
END
  echo '[{"Config":"config.json","RepoTags":["localhost/busybox:latest"],"Layers":["layer.tar"]}]' >$home/image/manifest.json
  tar -C $home/image -cf $home/image.tar manifest.json config.json layer.tar
  cat >$home/runc <<'END'
#!/bin/sh
before=
for word in "$@"; do
  [ "$before" != --bundle ] || sed -i 's/,"gid=5"//' "$word/config.json"
  before=$word
done
exec /usr/bin/runc --rootless=true "$@"
END
  chmod 755 $home/runc
  cat >$home/containerd.toml <<END
version = 2
root = "$home/containerd/root"
state = "$home/containerd/state"
[grpc]
address = "$home/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "localhost/busybox:latest"
disable_cgroup = true
disable_apparmor = true
restrict_oom_score_adj = true
disable_tcp_service = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "$home/runc"
$containerd_settings
END
}
containerd_start() {
  install
  containerd_prepare
  /usr/bin/containerd --config $home/containerd.toml --log-level warn >$home/containerd.log 2>&1 &
  containerd_process=$!
  until_true ctr version || { cat $home/containerd.log >&2; return 1; }
}
containerd_stop() { kill $containerd_process; wait $containerd_process || true; }
ctr() { timeout 30 /usr/bin/ctr --address $home/containerd.sock "$@"; }
import_image() { ctr -n k8s.io images import --snapshotter native $home/image.tar >/dev/null; }
cri() {
  ${process.execPath} ${criProgram} $home/containerd.sock RuntimeService/$1 "$2" || { tail -5 $home/containerd.log >&2; return 1; }
}

# container NAME SCRIPT OPTION...: a container as ctr makes it from a specification of its own; it ends with its script.
container() {
  cat >$home/$1.json <<END
{"ociVersion":"1.0.2","hostname":"$1","root":{"path":"$home/files"},
"process":{"user":{"uid":0,"gid":0},"args":["/bin/sh","-c","$2"],"env":["PATH=/bin"],"cwd":"/","noNewPrivileges":true,
"capabilities":{"bounding":["CAP_NET_RAW"],"effective":["CAP_NET_RAW"],"permitted":["CAP_NET_RAW"]}},
"mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/dev","type":"tmpfs","source":"tmpfs"}],
"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"},{"type":"network"}]}}
END
  name=$1; shift 2
  ctr run --runc-binary $home/runc --config $home/$name.json --cni "$@" $name
}
# task NAME: the number of the first process of a container that runs.
task() { ctr task ls | sed -n "s/^$1  *\\([0-9]*\\)  *RUNNING/\\1/p"; }
runs() { [ -n "$(task $1)" ]; }
`

const network = `
# answer PORT: what a server says to host2, which asks until there is one.
says() { ip netns exec host2 timeout 3 nc -w2 192.168.1.32 $1 </dev/null >$home/said && [ -s $home/said ]; }
answer() { until_true says $1; cat $home/said; }
silent() { ip netns exec host2 timeout 3 nc -w1 192.168.1.32 $1 </dev/null || echo silent; }
`

/** Runs a script on a new host on which the runtimes can be started. As onNewHost in all else. */
export const onContainerHost = (script: string): ScriptResult =>
  onNewHost('exec unshare --pid --cgroup --fork --kill-child --mount-proc /bin/sh -c "$CONTAINERS_SCRIPT"', {
    CONTAINERS_SCRIPT: ['set -e', functions, stage, containerd, podman, network, script].join('\n'),
  })

/** As onContainerHost, and fails when the script does, with all that it printed. */
export const expectOnContainerHost = (script: string): string => {
  const { status, stdout, stderr } = onContainerHost(script)
  if (status !== 0) throw new Error(`the script ended with ${status}\n${stdout}\n${stderr}`)
  return stdout
}

/** The `test` to use where a test needs the runtimes: skipped with its reason, or failing where they are promised. */
export const requireContainers = (): Test =>
  testUnless(
    !existsSync(join(runtimesFolder, 'unpacked'))
      ? 'needs the container runtimes that `npm test` fetches into build/second-opinions'
      : findTool('busybox') === undefined
        ? 'needs busybox, statically linked'
        : undefined,
    'run `npm test` as root',
  )
