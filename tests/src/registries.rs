//! Starts the real registries that `cargo xtask test` built (tests/registries), with little memory and a wait until they
//! answer. Not for: what they are asked; `http` does that.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Netns, Process, http, poll, temp_dir};

/// Longest start of a Java server on a busy machine.
const START: Duration = Duration::from_secs(120);

/// Port of [`Jars::eureka`].
pub const EUREKA_PORT: u16 = 8761;
/// Port of [`Jars::config_server`].
pub const CONFIG_PORT: u16 = 8888;
/// Port of [`Jars::shop_client`].
pub const SHOP_PORT: u16 = 8090;

/// The jars that Maven built, in their folder. What a test starts is `Jars::of_tests()`'s.
#[derive(Clone, Debug)]
pub struct Jars(PathBuf);

impl Jars {
    /// Those in the folder that `BALLAST_JARS` names.
    ///
    /// # Panics
    /// It is not set: a test that can't run fails, it is never skipped.
    #[track_caller]
    pub fn of_tests() -> Self {
        let folder = std::env::var_os("BALLAST_JARS");
        Self::in_folder(
            folder
                .expect("BALLAST_JARS is not set, so no registry can be started; run `cargo xtask test`")
                .into(),
        )
    }

    /// Those in `folder`.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// A Eureka server on port 8761 of `netns`, answering at `http://…:8761/eureka`. Self-preservation is off, expired
    /// instances go within a second, reads see writes at once; `options` (`--key=value`) come last and win.
    ///
    /// # Errors
    /// It does not answer in two minutes; the message holds its output.
    pub fn eureka(&self, netns: &Netns, options: &[&str]) -> io::Result<Process> {
        let ready = format!("http://127.0.0.1:{EUREKA_PORT}/eureka/apps");
        self.start(netns, "eureka-server", 256, options, &ready)
    }

    /// The same on loopback of this machine, at a port of its own.
    ///
    /// # Errors
    /// As there.
    pub fn eureka_here(&self, port: u16) -> io::Result<Process> {
        let port_option = format!("--server.port={port}");
        let options = [port_option.as_str(), "--server.address=127.0.0.1"];
        let process = self.spawn(Command::new("java"), "eureka-server", 256, &options)?;
        await_answer(
            process,
            "eureka-server",
            &format!("http://127.0.0.1:{port}/eureka/apps"),
        )
    }

    /// A Spring Cloud Config Server on port 8888 that serves the files of `configs` and registers itself as
    /// CONFIG-SERVICE with `address`.
    ///
    /// # Errors
    /// As [`Jars::eureka`].
    pub fn config_server(&self, netns: &Netns, configs: &Path, address: &str) -> io::Result<Process> {
        let options = [
            format!("--configs=file:{}/", configs.display()),
            format!("--address={address}"),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let ready = format!("http://127.0.0.1:{CONFIG_PORT}/actuator/health/readiness");
        self.start(netns, "config-server", 192, &options, &ready)
    }

    /// A Spring Cloud client on port 8090: `/call?service=NAME&path=/PATH` calls `http://NAME/PATH` through its load
    /// balancer, `/greeting` is what the Config Server told it.
    ///
    /// # Errors
    /// As [`Jars::eureka`].
    pub fn shop_client(&self, netns: &Netns) -> io::Result<Process> {
        let ready = format!("http://127.0.0.1:{SHOP_PORT}/actuator/health/readiness");
        self.start(netns, "shop-client", 160, &[], &ready)
    }

    fn start(&self, netns: &Netns, name: &str, heap_mib: u32, options: &[&str], ready: &str) -> io::Result<Process> {
        let process = self.spawn(netns.command("java"), name, heap_mib, options)?;
        netns.run(|| await_answer(process, name, ready))
    }

    fn spawn(&self, mut command: Command, name: &str, heap_mib: u32, options: &[&str]) -> io::Result<Process> {
        let jar = self.0.join(format!("{name}.jar"));
        if !jar.is_file() {
            return Err(io::Error::other(format!(
                "{} is not there; run `cargo xtask registries`",
                jar.display()
            )));
        }
        command
            .arg(format!("-Xmx{heap_mib}m"))
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        // A server that is killed leaves its temporary files.
        let folder = temp_dir();
        command.args([
            "-XX:-UsePerfData",
            &format!("-Djava.io.tmpdir={}", folder.path().display()),
        ]);
        command.args(["-Djava.net.preferIPv4Stack=true", "-jar"]).arg(jar);
        command
            .args([
                "--management.endpoint.health.probes.enabled=true",
                "--spring.main.banner-mode=off",
            ])
            .args(options);
        Ok(Process::spawn(name, &mut command)?.with_folder(folder))
    }
}

/// A Eureka server of the tests; see [`Jars::eureka`].
///
/// # Errors
/// As there.
pub fn eureka(netns: &Netns, options: &[&str]) -> io::Result<Process> {
    Jars::of_tests().eureka(netns, options)
}

fn await_answer(mut process: Process, name: &str, url: &str) -> io::Result<Process> {
    let answered = poll(START, || {
        match http::Request::new("GET", url).timeout(Duration::from_secs(2)).send() {
            Ok(response) if response.status == 200 => Some(true),
            _ => (!process.is_running()).then_some(false),
        }
    });
    match answered {
        Some(true) => Ok(process),
        Some(false) => Err(io::Error::other(format!(
            "{name} ended at its start; it said:\n{}",
            process.output()
        ))),
        None => Err(io::Error::other(format!(
            "{name} did not answer {url} in {START:?}; it said:\n{}",
            process.output()
        ))),
    }
}
