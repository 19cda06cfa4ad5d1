//! The machine that a node runs on: namespaces in which the kubelet and containerd find folders, sysctls and a bridge that are
//! theirs alone. Not for: cgroups, which no mount namespace hides (cgroup.rs).

use std::io;
use std::path::Path;

use super::{DNS, GATEWAY};
use crate::Netns;

/// Settings of the whole kernel that the kubelet writes at its start. It gets a file of its own instead of each.
const SYSCTLS: &str = "vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes";

/// Makes the namespaces. Files of the node are in `work`/private, which is memory of this machine's own.
///
/// # Errors
/// Not root, or the set-up's words.
pub(super) fn make(work: &Path) -> io::Result<Netns> {
    for folder in ["cni", "manifests", "names"] {
        std::fs::create_dir(work.join(folder))?;
    }
    Netns::machine(&set_up(work))
}

/// Shell script that runs first inside. The bridge gets a hardware address of its own: else it takes that of one of its
/// Pods, and when that Pod goes the others send to nobody for seconds.
fn set_up(work: &Path) -> String {
    let work = work.display();
    format!(
        "P={work}/private; mkdir $P; mount -t tmpfs none $P; mount -t tmpfs none /run; mkdir -p /run/netns /run/lock
for folder in /etc /var/lib /var/log; do
  mkdir -p $P/upper$folder $P/work$folder
  mount -t overlay overlay -o lowerdir=$folder,upperdir=$P/upper$folder,workdir=$P/work$folder $folder
done
mkdir $P/sysctl
for name in {SYSCTLS}; do
  file=$P/sysctl/$(echo $name | tr / .); cat /proc/sys/$name >$file; mount --bind $file /proc/sys/$name
done
rm -f /etc/resolv.conf; echo 'nameserver {DNS}' >/etc/resolv.conf
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; fi
ip addr add {DNS}/32 dev lo
ip link add pods0 address 02:00:0a:59:4d:01 type bridge; ip addr add {GATEWAY}/24 dev pods0; ip link set pods0 up
ip route add 10.96.0.0/16 dev pods0"
    )
}
