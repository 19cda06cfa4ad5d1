//! Images for a node as docker archives: those that are shipped, those with another environment, and small ones made of files.
//! Not for: building what is shipped (`cargo xtask images`). Source: Docker image specification v1.2.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{TempDir, process, temp_dir};

/// Longest run of tar.
const DEADLINE: Duration = Duration::from_secs(60);
/// Archives in a folder of their own, with the folder as long as they are wanted.
const NAME: &str = "image.tar";

/// The docker archive of an image of ours.
///
/// # Panics
/// `BALLAST_IMAGES` is not set: a test that can't run fails, it is never skipped.
#[track_caller]
pub fn shipped(name: &str) -> PathBuf {
    let folder = std::env::var_os("BALLAST_IMAGES")
        .unwrap_or_else(|| panic!("BALLAST_IMAGES is not set, so image {name} can't be found; run `cargo xtask test`"));
    Path::new(&folder).join(format!("{name}.tar"))
}

/// The name of an image of ours.
pub fn reference(name: &str) -> String {
    format!("localhost/ballast/{name}:dev")
}

/// An archive of ours, removed on drop.
pub struct Archive {
    folder: TempDir,
}

impl Archive {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }

    /// A copy of an archive's only image with another name, and `NAME=value` in its environment in place of what it had.
    ///
    /// # Panics
    /// It is no docker archive.
    #[track_caller]
    pub fn with_env(archive: &Path, reference: &str, env: &[(&str, &str)]) -> Self {
        let parts = temp_dir();
        tar(&["--extract", "--file"], &[archive], parts.path());
        let manifest = read(&parts.path().join("manifest.json"));
        let name = manifest[0]["Config"].as_str().expect("an image has a configuration");
        let mut config = read(&parts.path().join(name));
        let old = config["config"]["Env"].as_array().cloned().unwrap_or_default();
        let is_new = |line: &Value| {
            let name = line.as_str().and_then(|line| line.split('=').next());
            env.iter().any(|(new, _)| Some(*new) == name)
        };
        let kept = old.into_iter().filter(|line| !is_new(line));
        config["config"]["Env"] = kept
            .chain(env.iter().map(|(name, value)| json!(format!("{name}={value}"))))
            .collect();
        let layers = manifest[0]["Layers"].clone();
        Self::pack(&parts, &config, reference, &layers)
    }

    /// An image of `files` (path in the image, file or folder of the machine) and links (path, target) with an entrypoint.
    ///
    /// # Panics
    /// A file is not there.
    #[track_caller]
    pub fn of_files(reference: &str, files: &[(&str, &Path)], links: &[(&str, &str)], entrypoint: &[&str]) -> Self {
        let (root, parts) = (temp_dir(), temp_dir());
        let place = |path: &str| {
            let path = root.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder is ours");
            path
        };
        for (path, source) in files {
            let mut copy = Command::new("cp");
            copy.args(["--recursive", "--dereference", "--preserve=mode", "--"]);
            let (status, output) = process::run("cp", copy.arg(source).arg(place(path)), DEADLINE).expect("it runs");
            assert!(status.success(), "{output}");
        }
        for (path, target) in links {
            std::os::unix::fs::symlink(target, place(path)).expect("the folder is ours");
        }
        let layer = parts.path().join("layer.tar");
        let folder = root.path();
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
        tar(
            &["--create", "--owner=0", "--group=0", "--file"],
            &[&layer, Path::new(".")],
            folder,
        );
        let (_, sum) = process::run("sha256sum", Command::new("sha256sum").arg(&layer), DEADLINE).expect("it runs");
        let sum = sum.split_whitespace().next().expect("it prints a sum").to_owned();
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": {"Entrypoint": entrypoint, "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{sum}")]},
        });
        Self::pack(&parts, &config, reference, &json!(["layer.tar"]))
    }

    /// Debian's static busybox with its usual names, as `localhost/test/busybox:1`: an app for tests.
    ///
    /// # Panics
    /// It is not there.
    #[track_caller]
    pub fn busybox() -> Self {
        let names = [
            "sh", "sleep", "httpd", "cat", "wget", "nc", "true", "touch", "mv", "echo", "date", "kill", "ls",
        ];
        let paths: Vec<String> = names.iter().map(|name| format!("/bin/{name}")).collect();
        let links: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "busybox")).collect();
        Self::of_files(
            BUSYBOX,
            &[("/bin/busybox", Path::new("/bin/busybox"))],
            &links,
            &["/bin/sh"],
        )
    }

    #[track_caller]
    fn pack(parts: &TempDir, config: &Value, reference: &str, layers: &Value) -> Self {
        let archive = Self { folder: temp_dir() };
        let manifest = json!([{"Config": "config.json", "RepoTags": [reference], "Layers": layers}]);
        for (name, value) in [("config.json", config), ("manifest.json", &manifest)] {
            std::fs::write(parts.path().join(name), value.to_string()).expect("the folder is ours");
        }
        let mut words: Vec<PathBuf> = vec![archive.path(), "manifest.json".into(), "config.json".into()];
        let layers = layers.as_array().expect("an image has layers").iter();
        words.extend(layers.filter_map(|layer| layer.as_str().map(PathBuf::from)));
        let words: Vec<&Path> = words.iter().map(PathBuf::as_path).collect();
        tar(&["--create", "--dereference", "--file"], &words, parts.path());
        archive
    }
}

/// The name of [`Archive::busybox`].
pub const BUSYBOX: &str = "localhost/test/busybox:1";

#[track_caller]
fn read(file: &Path) -> Value {
    let text = std::fs::read(file).unwrap_or_else(|e| panic!("read {}: {e}", file.display()));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("read {}: {e}", file.display()))
}

#[track_caller]
fn tar(options: &[&str], words: &[&Path], folder: &Path) {
    let mut command = Command::new("tar");
    command.current_dir(folder).args(options).args(words);
    let (status, output) = process::run("tar", &mut command, DEADLINE).expect("it runs");
    assert!(status.success(), "tar {options:?} {words:?}: {output}");
}
