//! `ballast run URL` against a Repo that only does what upstream's does: lists or single scripts with an etag, no waiting, no
//! revisions, no tar. Source: pipyjs/repo.md sections 1 and 2.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ballast_tests::{free_port, wait_for};

use crate::support::{DEADLINE, answering, asked, start, wait_answer};

/// Path → (etag, body), and the requests so far.
#[derive(Default)]
struct Content {
    files: BTreeMap<String, (String, String)>,
    seen: Vec<String>,
}

/// A server of [`Content`]; its threads end with the test's process.
struct Plain {
    url: String,
    content: Arc<Mutex<Content>>,
}

impl Plain {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let url = format!("http://{}/repo/app/", listener.local_addr().expect("bound"));
        let content: Arc<Mutex<Content>> = Arc::default();
        let shared = Arc::clone(&content);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Plain { url, content }
    }

    fn set(&self, files: &[(&str, &str, &str)]) {
        let files = files.iter().map(|(path, etag, body)| {
            let path = format!("/repo/app/{path}");
            (path, ((*etag).to_owned(), (*body).to_owned()))
        });
        self.lock().files.extend(files);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, request: &str) -> usize {
        self.lock().seen.iter().filter(|seen| *seen == request).count()
    }
}

/// One keep-alive connection.
fn serve(stream: TcpStream, content: &Mutex<Content>) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut lines = BufReader::new(stream).lines();
    while let Some(Ok(request)) = lines.next() {
        let mut length = 0;
        for line in lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
        content.seen.push(format!("{method} {path}"));
        let answer = match content.files.get(path) {
            // Reports: the body is not read, so the connection ends here.
            _ if length > 0 => "HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
            None => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            Some((etag, body)) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\netag: {etag}\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                if method == "HEAD" {
                    head
                } else {
                    format!("{head}{body}")
                }
            }
        };
        if out.write_all(answer.as_bytes()).is_err() || length > 0 {
            return;
        }
    }
}

#[test]
fn a_list_of_files() {
    let (repo, port) = (Plain::new(), free_port());
    let main = |word: &str| format!("pipy().listen({port}).use('/lib/b.js', 'answer') // {word}");
    let module = |word: &str| format!("pipy().pipeline('answer').replaceData(() => new Data('{word}'))");
    repo.set(&[
        ("", "1", "/main.js\n/lib/b.js\n\n/gone.js\n"),
        ("main.js", "1", &main("one")),
        ("lib/b.js", "1", &module("one")),
    ]);
    let mut process = start(&["run", &repo.url]);
    wait_answer(&process, port, "one");
    process.wait_output(DEADLINE, "lists a file that it does not have");
    wait_for(DEADLINE, "a report", || repo.count("POST /repo/app/") > 0);
    // A changed file under the same etag is not seen.
    repo.set(&[("lib/b.js", "1", &module("two"))]);
    let polls = repo.count("HEAD /repo/app/");
    wait_for(DEADLINE, "another poll", || repo.count("HEAD /repo/app/") > polls + 1);
    assert_eq!(asked(port).as_deref(), Some("one"));
    assert_eq!(repo.count("GET /repo/app/lib/b.js"), 1);
    repo.set(&[("", "2", "/main.js\n/lib/b.js\n")]);
    wait_answer(&process, port, "two");
    assert!(process.is_running());
}

#[test]
fn a_single_script() {
    let (repo, port) = (Plain::new(), free_port());
    repo.set(&[("", "a", &answering(port, "alone"))]);
    let process = start(&["run", "--no-reload", "--no-status", &repo.url]);
    wait_answer(&process, port, "alone");
    process.signal(nix::sys::signal::Signal::SIGHUP).expect("it runs");
    wait_for(DEADLINE, "it is fetched again", || repo.count("GET /repo/app/") == 2);
    assert_eq!(repo.count("HEAD /repo/app/") + repo.count("POST /repo/app/"), 0);
    wait_answer(&process, port, "alone");
}

#[test]
fn a_watched_file() {
    let (repo, port) = (Plain::new(), free_port());
    let main = format!(
        "pipy().listen({port}).replaceData(() => pipy.load('/data.txt'))\
         .watch('/data.txt').onStart(() => (console.log('fired'), new StreamEnd))"
    );
    repo.set(&[
        ("", "1", "/main.js\n/data.txt\n"),
        ("main.js", "1", &main),
        ("data.txt", "1", "old"),
        ("_etags", "1", "/main.js#1\n/data.txt#1\n"),
    ]);
    let mut process = start(&["run", &repo.url]);
    wait_answer(&process, port, "old");
    repo.set(&[("data.txt", "2", "new"), ("_etags", "2", "/main.js#1\n/data.txt#2\n")]);
    process.wait_output(DEADLINE, "fired");
    wait_answer(&process, port, "new");
    assert_eq!(repo.count("GET /repo/app/main.js"), 1, "nothing was reloaded");
}
