//! Of what is told of watched files: changed, gone, unreadable, new; against real folders. Source: pipyjs/repo.md 1.1.

use super::*;
use std::os::unix::fs::symlink;
use std::sync::mpsc;

/// A folder of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ballast-watched-{}-{name}", std::process::id()));
        std::fs::create_dir_all(folder.join("d")).unwrap();
        Folder(folder)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// Makes it a file of 1970.
    fn age(&self, name: &str) {
        let file = File::options().write(true).open(self.0.join(name));
        file.unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.0.join(name)).unwrap();
    }

    /// Files older than that count as known.
    fn watched(&self) -> Watched {
        Watched::new(&self.0, SystemTime::now() + Duration::from_secs(1))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn told(path: &str, content: &'static str) -> (String, Option<Bytes>) {
    (path.to_owned(), Some(Bytes::from(content)))
}

fn gone(path: &str) -> (String, Option<Bytes>) {
    (path.to_owned(), None)
}

#[test]
fn only_what_changed_is_told() {
    let folder = Folder::new("changed");
    folder.write("a", "1");
    folder.write("d/b", "1");
    let mut watched = folder.watched();
    let paths = ["/a".to_owned(), "/d/".to_owned()];
    assert_eq!(watched.look(&paths), []);
    folder.write("a", "22");
    folder.write("other", "1");
    assert_eq!(watched.look(&paths), [told("/a", "22")]);
    folder.write("d/c", "new");
    folder.remove("d/b");
    assert_eq!(watched.look(&paths), [gone("/d/b"), told("/d/c", "new")]);
    assert_eq!(watched.look(&paths), []);
}

#[test]
fn what_is_no_file_any_more_has_gone_and_holds_nobody_up() {
    let folder = Folder::new("fifo");
    for name in ["fifo", "folder", "socket", "device"] {
        folder.write(name, "1");
    }
    let mut watched = folder.watched();
    let paths = ["/device", "/fifo", "/folder", "/socket"].map(str::to_owned);
    assert_eq!(watched.look(&paths), []);
    for name in ["fifo", "folder", "socket", "device"] {
        folder.remove(name);
    }
    nix::unistd::mkfifo(&folder.0.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::create_dir(folder.0.join("folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.0.join("socket")).unwrap();
    symlink("/dev/zero", folder.0.join("device")).unwrap();
    let (send, looked) = mpsc::channel();
    std::thread::spawn(move || send.send(watched.look(&paths)));
    let looked = looked
        .recv_timeout(Duration::from_secs(10))
        .expect("a look waits for nobody");
    assert_eq!(
        looked,
        [gone("/device"), gone("/fifo"), gone("/folder"), gone("/socket")]
    );
}

#[test]
fn what_cannot_be_read_stays_as_it_was() {
    // A link to itself cannot be followed, the memory of a process has no byte 0.
    for target in ["a", "/proc/self/mem"] {
        let folder = Folder::new("unreadable");
        folder.write("a", "1");
        std::fs::hard_link(folder.0.join("a"), folder.0.join("kept")).unwrap();
        let mut watched = folder.watched();
        let paths = ["/a".to_owned()];
        assert_eq!(watched.look(&paths), []);
        folder.remove("a");
        symlink(target, folder.0.join("a")).unwrap();
        assert_eq!(watched.look(&paths), [], "{target}");
        assert!(watched.told.contains("/a"), "{target}");
        // The same file once more is no change; another one is.
        std::fs::rename(folder.0.join("kept"), folder.0.join("a")).unwrap();
        assert_eq!(watched.look(&paths), [], "{target}");
        assert!(watched.told.is_empty(), "{target}");
        folder.write("a", "22");
        assert_eq!(watched.look(&paths), [told("/a", "22")], "{target}");
    }
}

#[test]
fn an_unreadable_folder_has_lost_nothing() {
    let folder = Folder::new("unreadable-folder");
    folder.write("d/b", "1");
    let mut watched = folder.watched();
    let paths = ["/d/".to_owned()];
    assert_eq!(watched.look(&paths), []);
    std::fs::rename(folder.0.join("d"), folder.0.join("e")).unwrap();
    symlink("d", folder.0.join("d")).unwrap();
    assert_eq!(watched.look(&paths), []);
    folder.remove("d");
    assert_eq!(watched.look(&paths), [gone("/d/b")]);
}

#[test]
fn an_old_file_that_appears_is_told() {
    let folder = Folder::new("appears");
    for name in ["old", "also"] {
        folder.write(name, "old");
        folder.age(name);
    }
    let mut watched = folder.watched();
    let paths = ["/d/".to_owned(), "/x".to_owned()];
    assert_eq!(watched.look(&paths), []);
    std::fs::rename(folder.0.join("old"), folder.0.join("d/b")).unwrap();
    std::fs::rename(folder.0.join("also"), folder.0.join("x")).unwrap();
    assert_eq!(watched.look(&paths), [told("/d/b", "old"), told("/x", "old")]);
}

#[test]
fn a_link_that_leads_elsewhere_is_a_change() {
    let folder = Folder::new("swap");
    for version in ["v1", "v2"] {
        std::fs::create_dir(folder.0.join(version)).unwrap();
        folder.write(&format!("{version}/rules"), version);
        folder.age(&format!("{version}/rules"));
    }
    symlink("v1", folder.0.join("..data")).unwrap();
    symlink("../..data/rules", folder.0.join("d/rules")).unwrap();
    let mut watched = folder.watched();
    let paths = ["/d/".to_owned()];
    assert_eq!(watched.look(&paths), []);
    symlink("v2", folder.0.join("..next")).unwrap();
    std::fs::rename(folder.0.join("..next"), folder.0.join("..data")).unwrap();
    assert_eq!(watched.look(&paths), [told("/d/rules", "v2")]);
}

#[test]
fn what_changed_while_nobody_watched_is_told_to_who_watches_next() {
    let folder = Folder::new("between");
    folder.write("a", "1");
    folder.write("d/b", "1");
    let mut watched = folder.watched();
    let (a, d) = (["/a".to_owned()], ["/d/".to_owned()]);
    assert_eq!(watched.look(&a), []);
    folder.write("a", "22");
    assert_eq!(watched.look(&d), []);
    assert_eq!(watched.look(&a), [told("/a", "22")]);
}

#[test]
fn what_has_gone_is_forgotten() {
    let folder = Folder::new("forgotten");
    let mut watched = folder.watched();
    let paths = ["/d/".to_owned(), "/x".to_owned()];
    assert_eq!(watched.look(&paths), []);
    for round in 0..50 {
        let name = format!("d/{round}");
        folder.write(&name, "1");
        assert_eq!(watched.look(&paths).len(), 1);
        folder.remove(&name);
        assert_eq!(watched.look(&paths), [gone(&format!("/{name}"))]);
    }
    assert_eq!(watched.known.len(), 0);
}

#[test]
fn times_at_the_end_of_the_world_are_times() {
    let folder = Folder::new("times");
    folder.write("a", "1");
    let mut watched = Watched::new(&folder.0, SystemTime::UNIX_EPOCH);
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 33);
    let file = File::options().write(true).open(folder.0.join("a")).unwrap();
    file.set_modified(far).unwrap();
    assert_eq!(watched.look(&["/a".to_owned()]), [told("/a", "1")]);
    assert_eq!(watched.look(&["/a".to_owned()]), []);
}
