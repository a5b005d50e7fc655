import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { functions, onNewHost, type ScriptResult } from './host.ts'
import { type Test, testUnless } from './tools.ts'

/**
 * Real firewalls on a host made for a test. Theory of operation: `npm test` unpacks the packages of ufw, firewalld and
 * Docker into build/second-opinions/firewalls and installs none of them. The host lays them over its own /usr and /etc, with
 * their settings as after a fresh installation, and starts a daemon only inside its own namespaces: it is the child of
 * the first process of a process namespace, and ends when the script does. iptables-legacy is part of Debian's iptables.
 *
 * In the script, for each of the firewalls FW (ufw, firewalld, docker, legacy): `FW_start`, which fails unless the
 * firewall is active in the end; `FW_reload`; `FW_stop`. `theirs` prints all that they own.
 */

const opinions = join(import.meta.dirname, '../../build/second-opinions/firewalls')

/** Settings that belong to one firewall alone: fresh ones, whatever the machine has in their place. */
const ownFolders = ['ufw', 'firewalld', 'docker', 'containerd']

const stage = `
files=${opinions}/root
mkdir -p /run/firewalls/etc /run/firewalls/work /run/dbus
cp -r $files/etc/default /run/firewalls/etc/
for folder in ${ownFolders.join(' ')}; do mkdir -p /run/firewalls/etc/$folder; done
mount -t overlay overlay -o lowerdir=$files/usr:/usr /usr
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/firewalls/etc,workdir=/run/firewalls/work /etc
for folder in ${ownFolders.join(' ')}; do
  mount -t tmpfs -o mode=755 firewalls /etc/$folder
  cp -r $files/etc/$folder/. /etc/$folder/
done
`

const bus = `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
</policy></busconfig>`

const starters = `
# Waits for a command to succeed, 20 s at most; what it printed last tells why not.
until_true() {
  for attempt in $(seq 200); do "$@" >/run/firewalls/last 2>&1 && return; sleep 0.1; done
  cat /run/firewalls/last >&2
  return 1
}

# What the package's own script does when it is installed.
ufw_start() {
  cp /usr/share/ufw/iptables/*.rules /usr/share/ufw/*.init /usr/share/ufw/ufw.conf /etc/ufw/
  chmod 640 /etc/ufw/*.rules /etc/ufw/*.init
  /usr/sbin/ufw --force enable >/dev/null
  # The first start leaves out rules that every later one has.
  ufw_reload
  /usr/sbin/ufw status | grep -q 'Status: active'
}
ufw_reload() { /usr/sbin/ufw reload >/dev/null; }
ufw_stop() { /usr/sbin/ufw disable >/dev/null; }

firewalld_start() {
  if [ ! -S /run/dbus/system_bus_socket ]; then
    cat >/run/firewalls/bus.conf <<'END'
${bus}
END
    dbus-daemon --config-file=/run/firewalls/bus.conf --nofork --nopidfile >/run/firewalls/bus.log 2>&1 &
    until_true test -S /run/dbus/system_bus_socket
  fi
  /usr/sbin/firewalld --nofork --nopid >/run/firewalls/firewalld.log 2>&1 &
  firewalld_process=$!
  until_true /usr/bin/firewall-cmd --state || { cat /run/firewalls/firewalld.log >&2; return 1; }
}
firewalld_reload() { /usr/bin/firewall-cmd --reload >/dev/null; }
firewalld_stop() { kill $firewalld_process; wait $firewalld_process || true; }

# All that Docker keeps goes to /run, and no container is ever started.
docker_start() {
  if [ ! -S /run/containerd.sock ]; then
    /usr/bin/containerd --root /run/firewalls/containerd --state /run/containerd --address /run/containerd.sock \\
      --log-level error >/run/firewalls/containerd.log 2>&1 &
    until_true test -S /run/containerd.sock
  fi
  /usr/sbin/dockerd --containerd /run/containerd.sock --data-root /run/firewalls/docker --exec-root /run/docker \\
    --pidfile /run/docker.pid --host unix:///run/docker.sock --storage-driver vfs --iptables=true "$@" \\
    >/run/firewalls/dockerd.log 2>&1 &
  docker_process=$!
  until_true grep -q 'API listen' /run/firewalls/dockerd.log && iptables -S DOCKER-USER >/dev/null ||
    { cat /run/firewalls/dockerd.log >&2; return 1; }
}
docker_reload() { docker_stop; docker_start "$@"; }
docker_stop() { kill $docker_process; wait $docker_process || true; }

# As a careful administrator sets it; the module's table exists from its first use on.
legacy_start() { iptables-legacy -P FORWARD DROP; grep -q filter /proc/net/ip_tables_names; }
legacy_reload() { iptables-legacy-save >/run/firewalls/legacy; iptables-legacy-restore </run/firewalls/legacy; }
legacy_stop() { iptables-legacy -P FORWARD ACCEPT; }

# Rules of every kind without their counters and dates, and the settings of every firewall. Docker makes its chains in
# another order each time: their rules stand in order further down.
theirs() {
  nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*/counter/' | sort
  nft list table inet firewalld 2>/dev/null || true
  iptables-save | sed '/^#/d; s/\\[[0-9]*:[0-9]*\\]//'
  ip6tables-save | sed '/^#/d; s/\\[[0-9]*:[0-9]*\\]//'
  # These programs would load the modules of tables that are not there: only what is there is asked for.
  for version in '' 6; do
    for table in $(cat /proc/net/ip$version'_tables_names' 2>/dev/null); do
      ip$version'tables-legacy-save' -t $table | sed '/^#/d; s/\\[[0-9]*:[0-9]*\\]//'
    done
  done
  find /etc/ufw /etc/firewalld /etc/docker -type f | sort | xargs sha256sum
  if [ -n "$firewalld_process" ] && /usr/bin/firewall-cmd --state >/dev/null 2>&1; then
    /usr/bin/firewall-cmd --list-all-zones; /usr/bin/firewall-cmd --permanent --list-all-zones
    /usr/bin/firewall-cmd --list-all-policies
  fi
}
firewalld_process=
`

/** Runs a script on a new host on which the firewalls of others can be started. As onNewHost in all else. */
export const onFirewallHost = (script: string, environment: Record<string, string> = {}): ScriptResult =>
  // Every process of the script, a daemon too, ends with the first of its namespace.
  onNewHost('exec unshare --pid --fork --kill-child --mount-proc /bin/sh -c "$FIREWALL_SCRIPT"', {
    ...environment,
    FIREWALL_SCRIPT: `set -e\n${functions}\n${stage}\n${starters}\n${script}`,
  })

/** As onFirewallHost, and fails when the script does, with all that it printed. */
export const expectOnFirewallHost = (script: string, environment: Record<string, string> = {}): string => {
  const { status, stdout, stderr } = onFirewallHost(script, environment)
  if (status !== 0) throw new Error(`the script ended with ${status}\n${stdout}\n${stderr}`)
  return stdout
}

/** The `test` to use where a test needs these firewalls: skipped with its reason, or failing where they are promised. */
export const requireFirewalls = (): Test =>
  testUnless(
    existsSync(join(opinions, 'unpacked'))
      ? undefined
      : 'needs the firewalls that `npm test` fetches into build/second-opinions',
    'run `npm test` as root',
  )
