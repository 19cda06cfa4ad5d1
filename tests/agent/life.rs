//! The agent of a Pod: dormant, active, reloaded, crashed, dormant again, whatever the Repo does. Sources: design.md 3 and 4,
//! issue 3 items 3 and 5.

use std::io::{BufReader, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use ballast_tests::repo::Repo;
use ballast_tests::{Process, TempDir, bin, free_port, temp_dir, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::proxy::Proxy;
use crate::support::{DEADLINE, answering, asked, wait_answer, wait_closed};

/// Bytes of the memory that PID 1 holds.
const MEMORY_BYTES: u64 = 4 << 20;

/// What PID 1 gives an agent, and the codebase that is the agent's.
struct Pod {
    folder: TempDir,
    repo_url: String,
    name: String,
}

impl Pod {
    fn new(repo_url: &str) -> Self {
        let host = nix_host();
        let pod = Pod {
            folder: temp_dir(),
            repo_url: repo_url.to_owned(),
            name: format!("/pod/shop/{host}"),
        };
        let memory = std::fs::File::create(pod.memory()).expect("a fresh folder");
        memory.set_len(MEMORY_BYTES).expect("room on the disk");
        pod
    }

    fn memory(&self) -> PathBuf {
        self.folder.path().join("memory")
    }

    /// Starts an agent as pause does: the memory as file descriptor 3.
    fn agent(&self) -> Process {
        self.agent_with(&[])
    }

    /// The same with more environment.
    fn agent_with(&self, env: &[(&str, &str)]) -> Process {
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" agent 3<>\"$1\""])
            .arg(bin("ballast"))
            .arg(self.memory())
            .env("BALLAST_REPO", &self.repo_url)
            .env("BALLAST_NAMESPACE", "shop")
            .env("BALLAST_SNAPSHOT_FD", "3")
            .env("BALLAST_LOG", "debug")
            .env("BALLAST_DRAIN", "3")
            .envs(env.iter().copied());
        Process::spawn("agent", &mut command).expect("it starts")
    }

    fn create(&self, repo: &Repo, main: &str) {
        repo.done(&[(&format!("POST /api/v1/repo{}", self.name), "")]);
        self.upload(repo, "/config/pod.json", r#"{"status":{}}"#);
        self.publish(repo, 1, main);
    }

    fn publish(&self, repo: &Repo, version: u32, main: &str) {
        self.upload(repo, "/main.js", main);
        let version = format!("{{\"version\":\"{version}\"}}");
        repo.done(&[(&format!("PATCH /api/v1/repo{}", self.name), &version)]);
    }

    fn upload(&self, repo: &Repo, path: &str, content: &str) {
        repo.done(&[(&format!("POST /api/v1/repo-files{}{path}", self.name), content)]);
    }

    fn delete(&self, repo: &Repo) {
        repo.done(&[(&format!("DELETE /api/v1/repo{}", self.name), "")]);
    }

    /// The agent's last report.
    fn status(&self, repo: &Repo) -> Value {
        repo.info(&self.name)["instances"]["1"]["status"].clone()
    }
}

fn nix_host() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("Linux has it");
    text.trim().to_owned()
}

fn threads(process: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", process.id())).map_or(0, Iterator::count)
}

#[test]
fn from_dormant_to_active_and_back() {
    let (repo, port) = (Repo::dev(), free_port());
    let pod = Pod::new(&repo.url);
    let mut agent = pod.agent();
    wait_for(DEADLINE, "the scout waits at the Repo", || threads(&agent) == 1);
    pod.create(&repo, &answering(port, "one"));
    wait_answer(&agent, port, "one");
    assert_eq!(threads(&agent), 2, "one for control, one for the scripts");
    pod.publish(&repo, 2, &answering(port, "two"));
    wait_answer(&agent, port, "two");
    pod.publish(&repo, 3, "pipy().broken()");
    wait_for(DEADLINE, "the broken version is reported", || {
        pod.status(&repo)["error"]
            .as_str()
            .is_some_and(|error| error.contains("/main.js:1:"))
    });
    assert_eq!(pod.status(&repo)["version"], "2");
    wait_answer(&agent, port, "two");
    assert_eq!(
        agent.output().matches("Failed reloading").count(),
        1,
        "it is not tried again"
    );
    pod.publish(&repo, 4, &answering(port, "four"));
    wait_answer(&agent, port, "four");
    pod.delete(&repo);
    wait_closed(port);
    wait_for(DEADLINE, "only the scout is left", || threads(&agent) == 1);
    assert!(agent.is_running(), "the same process");
    pod.create(&repo, &answering(port, "again"));
    wait_answer(&agent, port, "again");
    agent.signal(Signal::SIGTERM).unwrap();
    assert_eq!(agent.wait(DEADLINE).expect("it leaves").code(), Some(0));
}

#[test]
fn a_dormant_agent_leaves_at_once() {
    let repo = Repo::dev();
    let pod = Pod::new(&repo.url);
    let mut agent = pod.agent();
    wait_for(DEADLINE, "it runs", || threads(&agent) == 1);
    // Its signals are taken when the scout has sent its request.
    wait_for(DEADLINE, "it handles TERM", || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", agent.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"));
        caught.is_some_and(|mask| u64::from_str_radix(mask, 16).unwrap_or(0) & (1 << 14) != 0)
    });
    agent.signal(Signal::SIGTERM).unwrap();
    assert_eq!(agent.wait(DEADLINE).expect("it leaves").code(), Some(0));
}

#[test]
fn pod_json_is_published_in_place_with_our_address() {
    let (repo, port) = (Repo::dev(), free_port());
    let pod = Pod::new(&repo.url);
    let mut agent = pod.agent();
    let show = "(started => pipy().listen(PORT).replaceData(\
        () => new Data(started + ' ' + JSON.decode(pipy.load('/config/pod.json')).n + ' ' + \
        (JSON.decode(pipy.load('/config/pod.json')).status?.podIP || '-')))\
        .watch('/config/pod.json').onStart(() => (console.log('watched'), new StreamEnd)))(pipy.now())";
    pod.create(&repo, &show.replace("PORT", &port.to_string()));
    wait_for(DEADLINE, "it answers", || asked(port).is_some());
    let first = asked(port).expect("it answers");
    pod.upload(&repo, "/config/pod.json", r#"{"n":7}"#);
    repo.done(&[(&format!("PATCH /api/v1/repo{}", pod.name), "")]);
    agent.wait_output(DEADLINE, "watched");
    let second = asked(port).expect("it answers");
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (first, second) = (words(&first), words(&second));
    assert_eq!(first[0], second[0], "no reload");
    assert_eq!((first[1].as_str(), second[1].as_str()), ("undefined", "7"));
    // The address is that of the report; a machine without one has none in either.
    let own = pod.status(&repo)["ip"].as_str().unwrap_or_default().to_owned();
    let expected = if own.is_empty() { "-" } else { &own };
    assert_eq!((first[2].as_str(), second[2].as_str()), (expected, expected));
}

/// A Pod with our sidecar on a node with our sandbox image: two agents, one of which acts. It is told what the other one guesses.
#[test]
fn the_sidecar_acts_and_the_sandbox_does_not() {
    let (repo, port) = (Repo::dev(), free_port());
    let mut pod = Pod::new(&repo.url);
    let of_host = pod.name.clone();
    let containers = r#"{"containers":[{"name":"ballast-agent","kind":"sidecar"},{"name":"app","kind":"app"}]}"#;
    let document = format!(r#"{{"spec":{containers}}}"#);
    let main = "pipy().listen(PORT).replaceData(\
        () => new Data(JSON.decode(pipy.load('/config/pod.json')).status.podIP + '\\n'))";
    let main = main.replace("PORT", &port.to_string());
    for name in [&of_host, "/pod/shop/web-0"] {
        pod.name = name.to_owned();
        repo.done(&[(&format!("POST /api/v1/repo{name}"), "")]);
        pod.upload(&repo, "/config/pod.json", &document);
        pod.publish(&repo, 1, &main);
    }
    let mut sandbox = pod.agent();
    sandbox.wait_output(DEADLINE, "the Pod has the container ballast-agent: its agent acts");
    let mut sidecar = pod.agent_with(&[
        ("BALLAST_CONTAINER", "ballast-agent"),
        ("BALLAST_POD_NAME", "web-0"),
        ("BALLAST_POD_UID", "0f8fad5b-d9cb-469f-a165-70867728950e"),
        ("BALLAST_POD_IP", "10.9.8.7"),
    ]);
    wait_answer(&sidecar, port, "10.9.8.7\n");
    wait_for(DEADLINE, "it reports under the name it was told", || {
        let status = pod.status(&repo);
        status["name"] == "web-0" && status["ip"] == "10.9.8.7"
    });
    // A new version is no reason to act either.
    pod.name = of_host;
    pod.publish(&repo, 2, &main);
    wait_for(DEADLINE, "it has looked at that, too", || {
        sandbox.output().matches("its agent acts").count() == 2
    });
    assert_eq!(threads(&sandbox), 1, "no worker");
    for agent in [&mut sandbox, &mut sidecar] {
        agent.signal(Signal::SIGTERM).unwrap();
        assert_eq!(agent.wait(DEADLINE).expect("it leaves").code(), Some(0));
    }
}

#[test]
fn what_runs_goes_on_without_the_repo() {
    let (proxy, port) = (Proxy::new(), free_port());
    let pod = Pod::new(&proxy.url);
    let repo = Repo::dev();
    let mut agent = pod.agent();
    agent.wait_output(DEADLINE, "the connection broke");
    pod.create(&repo, &answering(port, "one"));
    proxy.to(&repo.url);
    wait_answer(&agent, port, "one");
    // A Repo that has lost everything knows nothing: that is no reason to stop.
    let empty = Repo::dev();
    for (name, switch) in [
        ("down", &(|| proxy.down()) as &dyn Fn()),
        ("empty", &|| proxy.to(&empty.url)),
        ("hanging", &|| proxy.hang()),
    ] {
        switch();
        wait_for(DEADLINE, &format!("the agent asks the Repo that is {name}"), || {
            proxy.taken() > 0
        });
        wait_answer(&agent, port, "one");
    }
    // And when it is told again, the agent follows.
    pod.create(&empty, &answering(port, "one"));
    pod.publish(&empty, 2, &answering(port, "two"));
    proxy.to(&empty.url);
    wait_answer(&agent, port, "two");
    assert!(agent.is_running());
}

#[test]
fn a_crashed_agent_starts_from_memory_while_the_repo_is_down() {
    let (proxy, port) = (Proxy::new(), free_port());
    let pod = Pod::new(&proxy.url);
    let repo = Repo::dev();
    proxy.to(&repo.url);
    let mut agent = pod.agent();
    pod.create(&repo, &answering(port, "kept"));
    wait_answer(&agent, port, "kept");
    // A version that does not run is not what the next start begins with.
    pod.publish(&repo, 2, "pipy().broken()");
    agent.wait_output(DEADLINE, "Failed reloading");
    proxy.down();
    for _ in 0..2 {
        agent.signal(Signal::SIGKILL).unwrap();
        agent.wait(DEADLINE).expect("it is dead");
        agent = pod.agent();
        wait_answer(&agent, port, "kept");
    }
    // Agents that do not live long from it make the next one ask the Repo first.
    for _ in 0..2 {
        agent.signal(Signal::SIGKILL).unwrap();
        agent.wait(DEADLINE).expect("it is dead");
        agent = pod.agent();
        agent.wait_output(DEADLINE, "codebase");
    }
    agent.wait_output(DEADLINE, "the Repo is asked for a better one first");
    assert_eq!(asked(port), None);
    pod.publish(&repo, 3, &answering(port, "better"));
    proxy.to(&repo.url);
    wait_answer(&agent, port, "better");
}

#[test]
fn a_deleted_codebase_is_forgotten() {
    let (repo, port) = (Repo::dev(), free_port());
    let pod = Pod::new(&repo.url);
    let mut agent = pod.agent();
    pod.create(&repo, &answering(port, "one"));
    wait_answer(&agent, port, "one");
    pod.delete(&repo);
    wait_closed(port);
    wait_for(DEADLINE, "only the scout is left", || threads(&agent) == 1);
    agent.signal(Signal::SIGKILL).unwrap();
    agent.wait(DEADLINE).expect("it is dead");
    let agent = pod.agent();
    // The scout has been told by the Repo, so it would listen by now if it had started from memory.
    wait_for(DEADLINE, "it runs as a scout", || threads(&agent) == 1);
    assert_eq!(asked(port), None, "{}", agent.output());
}

#[test]
fn term_lets_the_scripts_finish() {
    let (repo, port) = (Repo::dev(), free_port());
    let pod = Pod::new(&repo.url);
    let mut agent = pod.agent();
    let script = format!(
        "pipy().listen({port}).replaceData(() => new Data('x'))\
         .task('SIGTERM').onStart(() => (console.log('heard'), new StreamEnd))\
         .exit().onStart(() => (console.log('leaving'), new StreamEnd))"
    );
    pod.create(&repo, &script);
    wait_answer(&agent, port, "x");
    agent.signal(Signal::SIGTERM).unwrap();
    assert_eq!(agent.wait(DEADLINE).expect("it leaves").code(), Some(0));
    agent.wait_output(DEADLINE, "leaving");
    assert!(agent.output().contains("heard"), "{}", agent.output());
}

#[test]
fn scripts_that_hang_are_not_waited_for() {
    let (repo, port) = (Repo::dev(), free_port());
    let pod = Pod::new(&repo.url);
    let mut agent = pod.agent();
    let script =
        format!("pipy().listen({port}).replaceData(() => new Data('x')).exit().onStart(() => new Data('never'))");
    pod.create(&repo, &script);
    wait_answer(&agent, port, "x");
    let _held = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    agent.signal(Signal::SIGTERM).unwrap();
    assert_eq!(agent.wait(DEADLINE).expect("it leaves").code(), Some(0));
}

#[test]
fn limits_on_itself() {
    let repo = Repo::dev();
    let pod = Pod::new(&repo.url);
    let agent = pod.agent();
    let text = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", agent.id())).unwrap_or_default();
    wait_for(DEADLINE, "it offers itself to the OOM killer", || {
        text("oom_score_adj").trim() == "1000"
    });
    let limits = text("limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max data size"))
        .unwrap_or_default();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words.get(3..5), Some(["67108864", "67108864"].as_slice()), "{line}");
}

/// In the node's network a loopback port would be the node's: the admin port is an abstract socket there.
#[test]
fn admin_in_the_network_of_the_node() {
    let (repo, port) = (Repo::dev(), free_port());
    let pod = Pod::new(&repo.url);
    let agent = pod.agent();
    repo.done(&[(&format!("POST /api/v1/repo{}", pod.name), "")]);
    pod.upload(&repo, "/config/pod.json", r#"{"spec":{"hostNetwork":true}}"#);
    pod.publish(&repo, 1, &answering(port, "x"));
    wait_answer(&agent, port, "x");
    let address = std::os::unix::net::SocketAddr::from_abstract_name("ballast").expect("a short name");
    let mut stream = UnixStream::connect_addr(&address).expect("it listens there");
    stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    stream
        .write_all(b"GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .expect("it reads");
    let answer = ballast_tests::http::read_response(&mut BufReader::new(stream), false).expect("an answer");
    assert_eq!((answer.status, &answer.json()["version"]), (200, &"1".into()));
    assert!(!agent.output().contains("admin port is"), "{}", agent.output());
}
