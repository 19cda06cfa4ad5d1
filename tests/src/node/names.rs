//! Names of Services for Pods: dnsmasq at the address that the kubelet gives to Pods, told of Services as they come and go. Not
//! for: names of Pods, of headless Services, of anything outside; those do not exist here. Source: Kubernetes DNS-Based Service
//! Discovery 1.1.0, 2.3.1; dnsmasq(8).

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::DNS;
use crate::control_plane::ControlPlane;
use crate::http::Request;
use crate::{Netns, Process};

/// Time between two looks at the Services.
const LOOK: Duration = Duration::from_millis(300);

/// The name server, and the thread that tells it.
pub(super) struct Names {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _server: Process,
}

impl Names {
    #[track_caller]
    pub(super) fn start(netns: &Netns, work: &Path, plane: &ControlPlane) -> Self {
        let folder = work.join("names");
        let mut command = netns.command("dnsmasq");
        command
            .args([
                "--keep-in-foreground",
                "--log-facility=-",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--user=root",
            ])
            .args([
                "--no-resolv",
                "--no-hosts",
                "--local=/cluster.local/",
                "--bind-interfaces",
            ])
            .arg(format!("--listen-address={DNS}"))
            .arg(format!("--hostsdir={}", folder.display()));
        let server = Process::spawn("dnsmasq", &mut command).expect("it starts");
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let services = format!("{}/api/v1/services", plane.url());
        let thread = std::thread::spawn(move || {
            let mut told = String::new();
            while !over.load(Ordering::Acquire) {
                if let Some(hosts) = hosts(&services)
                    && hosts != told
                {
                    tell(&folder, &hosts);
                    told = hosts;
                }
                std::thread::sleep(LOOK);
            }
        });
        Self {
            is_over,
            thread: Some(thread),
            _server: server,
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _its_panic_was_printed = thread.join();
        }
    }
}

/// Services with an address, as lines of a hosts file; `None`: nobody answers.
fn hosts(url: &str) -> Option<String> {
    let answer = Request::new("GET", url).timeout(Duration::from_secs(5)).send().ok()?;
    let mut lines = String::new();
    let list = (answer.status == 200).then(|| answer.json())?;
    for service in list["items"].as_array()? {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let address = word(&service["spec"]["clusterIP"]);
        if address.parse::<std::net::IpAddr>().is_ok() {
            let (name, namespace) = (
                word(&service["metadata"]["name"]),
                word(&service["metadata"]["namespace"]),
            );
            let _strings_take_all = writeln!(lines, "{address} {name}.{namespace}.svc.cluster.local");
        }
    }
    Some(lines)
}

/// Puts a file in place at once: the server reads what appears in the folder.
fn tell(folder: &Path, hosts: &str) {
    let new: PathBuf = folder.with_extension("new");
    let put = std::fs::write(&new, hosts).and_then(|()| std::fs::rename(&new, folder.join("services")));
    assert!(put.is_ok(), "tell dnsmasq of the services: {put:?}");
}
