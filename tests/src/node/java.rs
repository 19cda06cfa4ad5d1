//! The Java servers of tests as an image for Pods: a small Java runtime (jlink), the libraries it is linked to, the jars. Not for:
//! anything that is shipped. Source: jlink(1) of JDK 17.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::images::Archive;
use crate::process;

/// The image's name. Its entrypoint is `java -jar`: the arguments are a jar (`/app/NAME.jar`) and its options.
pub const JAVA: &str = "localhost/ballast/demo-java:dev";

/// What Spring Boot asks of the platform.
const MODULES: &str = "java.base,java.compiler,java.desktop,java.instrument,java.logging,java.management,java.naming,\
java.net.http,java.scripting,java.security.jgss,java.sql,java.xml,jdk.crypto.ec,jdk.unsupported";
/// Longest run of jlink on a busy machine.
const DEADLINE: Duration = Duration::from_secs(300);

impl Archive {
    /// Made of the jars in `folder`. The runtime is kept beside them, for it takes half a minute to make.
    ///
    /// # Panics
    /// No jlink, or no jars.
    #[track_caller]
    pub fn java(folder: &Path) -> Self {
        let runtime = folder.join("java");
        if !runtime.is_dir() {
            link(&runtime);
        }
        let mut files: Vec<(String, PathBuf)> = vec![("/java".to_owned(), runtime.clone())];
        for name in ["config-server", "shop-client"] {
            files.push((format!("/app/{name}.jar"), folder.join(format!("{name}.jar"))));
        }
        let libraries = libraries(&[runtime.join("bin/java"), runtime.join("lib/server/libjvm.so")]);
        files.extend(libraries.into_iter().map(|path| (path.display().to_string(), path)));
        let files: Vec<(&str, &Path)> = files.iter().map(|(to, from)| (to.as_str(), from.as_path())).collect();
        let entrypoint = [
            "/java/bin/java",
            "-Xmx160m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-UsePerfData",
            // The only folder that a Pod without a volume surely has.
            "-Djava.io.tmpdir=/dev/shm",
            "-Djava.net.preferIPv4Stack=true",
            "-jar",
        ];
        Self::of_files(JAVA, &files, &[], &entrypoint)
    }
}

#[track_caller]
fn link(runtime: &Path) {
    // Put in place at once: one that was interrupted is none.
    let new = runtime.with_extension(format!("new-{}", std::process::id()));
    let mut command = Command::new("jlink");
    command
        .args(["--strip-debug", "--no-header-files", "--no-man-pages", "--compress=1"])
        .args(["--add-modules", MODULES, "--output"])
        .arg(&new);
    let (status, output) = process::run("jlink", &mut command, DEADLINE).expect("it runs");
    assert!(status.success(), "jlink (package openjdk-17-jdk-headless): {output}");
    std::fs::rename(&new, runtime).expect("both are in one folder");
}

/// The system's libraries that `files` are linked to, and the loader.
#[track_caller]
fn libraries(files: &[PathBuf]) -> Vec<PathBuf> {
    let (_, output) = process::run("ldd", Command::new("ldd").args(files), DEADLINE).expect("it runs");
    let paths = output.split_whitespace().filter(|word| word.starts_with("/lib"));
    let mut paths: Vec<PathBuf> = paths.map(PathBuf::from).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.dedup();
    paths
}
