/** What a host needs on which container runtimes run that are unpacked and not installed, as shell: see containers.ts. */
import { join } from 'node:path'

/** Where `npm test` unpacks the runtimes; `unpacked` in it says that it has. */
export const runtimesFolder = join(import.meta.dirname, '../../build/second-opinions/containers')

/** A shell's command: serves the container's name at port 80. */
export const server = 'while true; do nc -l -p 80 -e hostname; done'

/**
 * The functions of such a host, and the host itself: the runtimes' files over /usr, folders of its own for all that they
 * write, and the control groups read-only.
 */
export const stage = `
files=${runtimesFolder}/root
home=\${home-/run/containers}
export HOME=$home/home
mkdir -p $home/etc $home/var/lib/cni $home/var/tmp $home/opt/cni/bin $home/work/etc $home/work/var $home/work/opt $HOME
cp -r $files/etc/containers $home/etc/
mount -t overlay overlay -o lowerdir=$files/usr:/usr /usr
for folder in etc var opt; do
  mount -t overlay overlay -o lowerdir=/$folder,upperdir=$home/$folder,workdir=$home/work/$folder /$folder
done
mount -t tmpfs containers /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -o remount,bind,ro /sys/fs/cgroup

# Waits for a command to succeed, 20 s at most; what it printed last tells why not.
until_true() {
  for attempt in $(seq 200); do "$@" >$home/last 2>&1 && return; sleep 0.1; done
  echo "waited in vain: $*" >&2
  cat $home/last >&2
  return 1
}

baseline() { snapshot >$home/before; }
compare() { snapshot >$home/after; diff $home/before $home/after && echo EQUAL; }

install() {
  natspace cni install -q \${network---subnet 10.88.0.0/16}
  ln -s /usr/lib/cni/loopback /opt/cni/bin/
}

root_files() {
  mkdir -p $1/bin $1/proc $1/dev $1/sys $1/etc $1/run $1/tmp
  cp /bin/busybox $1/bin/
  for name in sh ip ping nc sleep cat hostname nslookup; do ln -s busybox $1/bin/$name; done
}
`

/** Needs `stage`. `podman_settings NETWORK BACKEND FOLDER` prints the settings for a network whose lists are in a folder. */
export const podman = `
podman_settings() {
  cat <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
default_sysctls = []
cgroups = "disabled"
apparmor_profile = "unconfined"
label = false
[network]
network_backend = "$2"
default_network = "$1"
cni_plugin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]
network_config_dir = "$3"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "crun"
END
}
podman_start() {
  install
  root_files $home/files
  podman_settings natspace cni /etc/cni/net.d >/etc/containers/containers.conf
}
podman() {
  timeout 30 /usr/bin/podman --root $home/podman/root --runroot $home/podman/run --tmpdir $home/podman/tmp \\
    --storage-driver vfs "$@"
}
# run NAME OPTION...: starts a container that serves its name.
run() {
  name=$1; shift
  podman run --detach --name $name --hostname $name --cap-add NET_RAW --tmpfs /dev/pts "$@" --rootfs $home/files \\
    /bin/sh -c '${server}' >$home/last
}
`
