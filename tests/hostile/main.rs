//! Hostile and broken HTTP/1 input, with nginx and haproxy beside us: where they differ we take the stricter side. Never
//! two requests out of one, never silence, never a word to the server behind that can be read in two ways; and the good
//! request before a bad one still gets its answer. Sources: RFC 9112 (sections 2.2, 3, 5, 6, 7, 11), RFC 9110 section 5.

mod behind;
mod fronts;
mod hops;
mod http2;
mod http2_frames;
mod http2_inputs;
mod inputs;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use behind::{Behind, Seen};
use fronts::Front;
use inputs::{INPUTS, Input};

/// The fronts' own limits are 2 s; an answer that takes so much longer is none.
const SILENCE: Duration = Duration::from_secs(15);

/// What a front made of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// It went to the server behind.
    Passed,
    /// Answered by the front with this status; 0: closed without a word.
    Refused(u16),
    /// Neither an answer nor an end.
    Silent,
}

/// Sends `bytes`; what comes back until the front closes, or nothing more comes for a second client-side half-close.
fn exchange(port: u16, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(SILENCE)).ok()?;
    stream.set_write_timeout(Some(SILENCE)).ok()?;
    // The front may close while it is still being sent to.
    stream.write_all(bytes).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut got = Vec::new();
    match stream.read_to_end(&mut got) {
        Ok(_) => Some(got),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Some(got),
        Err(_) => None,
    }
}

/// Statuses of the responses in `bytes`: those of the server behind are marked by its header.
fn statuses(bytes: &[u8]) -> Vec<(u16, bool)> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    for (at, _) in text.match_indices("HTTP/1.") {
        let head = text[at..].split("\r\n\r\n").next().unwrap_or_default();
        let status = head.get(9..12).and_then(|code| code.parse().ok());
        if let Some(status) = status.filter(|status| *status >= 200) {
            found.push((status, head.to_ascii_lowercase().contains("\r\nx-behind:")));
        }
    }
    found
}

fn verdict(front: &Front, behind: &Behind, bytes: &[u8]) -> (Verdict, Vec<Seen>) {
    behind.forget();
    let answer = exchange(front.port, bytes);
    let seen = behind.seen();
    let verdict = match answer {
        None => Verdict::Silent,
        Some(answer) => match statuses(&answer).last() {
            Some((_, true)) => Verdict::Passed,
            Some((status, false)) => Verdict::Refused(*status),
            None => Verdict::Refused(0),
        },
    };
    (verdict, seen)
}

/// What must hold of a front that passed something on. `None`: it holds.
fn wrong_behind(input: &Input, seen: &[Seen]) -> Option<String> {
    if let Some(bad) = seen.iter().find_map(|seen| seen.problem.clone()) {
        return Some(format!("the server behind can't read what it got: {bad}"));
    }
    if seen.iter().any(|seen| seen.target.contains("smuggled")) && !input.second_is_real {
        return Some("a request was made out of another one's body".to_owned());
    }
    None
}

#[test]
fn the_stricter_side() {
    let behind = Behind::start();
    let fronts = Front::all(behind.port);
    assert!(INPUTS.len() >= 100, "{} inputs", INPUTS.len());
    let mut wrong = Vec::new();
    println!("{:<44} {:>10} {:>10} {:>10}", "input", "nginx", "haproxy", "ballast");
    for input in INPUTS {
        let bytes = input.bytes();
        let verdicts: Vec<(Verdict, Vec<Seen>)> = fronts.iter().map(|front| verdict(front, &behind, &bytes)).collect();
        let shown = verdicts.iter().map(|(verdict, _)| show(verdict));
        println!(
            "{:<44} {}",
            input.name,
            shown.map(|v| format!("{v:>10} ")).collect::<String>()
        );
        let Some(((ours, seen), peers)) = verdicts.split_last() else {
            continue;
        };
        if *ours == Verdict::Silent {
            wrong.push(format!("{}: no answer", input.name));
        }
        if let Some(problem) = wrong_behind(input, seen) {
            wrong.push(format!("{}: {problem}", input.name));
        }
        let is_strict = |verdict: &Verdict| matches!(verdict, Verdict::Refused(_));
        let strictest = peers.iter().any(|(verdict, _)| is_strict(verdict));
        match input.lenient {
            None if strictest && *ours == Verdict::Passed => {
                wrong.push(format!("{}: passed, though a peer refuses it", input.name));
            }
            Some(_) if *ours != Verdict::Passed => wrong.push(format!("{}: listed as passed, but is not", input.name)),
            _ => {}
        }
        if input.must_refuse && *ours == Verdict::Passed {
            wrong.push(format!("{}: passed, which the RFC forbids", input.name));
        }
        // A good request before it is answered, whatever becomes of the rest.
        let mut after_good = b"GET /good HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
        after_good.extend_from_slice(&bytes);
        if let Some(front) = fronts.last() {
            let answer = exchange(front.port, &after_good).unwrap_or_default();
            if statuses(&answer).first() != Some(&(200, true)) {
                wrong.push(format!(
                    "{}: the good request before it got {:?}",
                    input.name,
                    String::from_utf8_lossy(&answer)
                ));
            }
        }
    }
    // None of it stopped the listener, or another connection.
    if let Some(front) = fronts.last() {
        let answer = exchange(
            front.port,
            b"GET /good HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        );
        assert_eq!(statuses(&answer.unwrap_or_default()), [(200, true)], "after all of it");
    }
    assert!(
        wrong.is_empty(),
        "{} of {} inputs:\n{}",
        wrong.len(),
        INPUTS.len(),
        wrong.join("\n")
    );
}

/// A connection beside is served while each input is sent: a wrong one ends its own connection only.
#[test]
fn others_go_on() {
    let behind = Behind::start();
    let fronts = Front::all(behind.port);
    let front = fronts.last().expect("three fronts");
    let mut beside = TcpStream::connect(("127.0.0.1", front.port)).expect("it listens");
    beside.set_read_timeout(Some(SILENCE)).expect("a time");
    for input in INPUTS {
        exchange(front.port, &input.bytes());
        beside
            .write_all(b"GET /beside HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("it is open");
        let mut got = Vec::new();
        let mut byte = [0; 1];
        while !got.ends_with(b"behind") {
            let count = beside
                .read(&mut byte)
                .unwrap_or_else(|error| panic!("{}: {error}", input.name));
            assert_eq!(
                count, 1,
                "{}: the other connection was closed after {got:?}",
                input.name
            );
            got.extend_from_slice(&byte);
        }
    }
}

fn show(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Refused(0) => "closed".to_owned(),
        Verdict::Refused(status) => status.to_string(),
        Verdict::Silent => "SILENT".to_owned(),
    }
}
