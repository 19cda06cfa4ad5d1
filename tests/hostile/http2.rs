//! Hostile and broken HTTP/2, in front of a server that speaks HTTP/1, with nginx and haproxy beside us: the rules of the RFC, and where it
//! leaves the choice the stricter side. A wrong frame ends its own connection only, and memory stays bounded.
//! Sources: RFC 9113 (sections 4 to 8, 10.5), RFC 7541, the CVEs that inputs name.

use crate::behind::{Behind, Seen};
use crate::fronts::Front;
use crate::http2_frames::{Kept, Outcome, exchange};
use crate::http2_inputs::{Input, Rule, inputs};
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// What all inputs together may have left behind in the front, KiB. One flood alone sends as much or more.
const GROWN_KIB: u64 = 24 << 10;

/// What became of an input at one front.
struct Verdict {
    outcome: Outcome,
    seen: Vec<Seen>,
    passed: bool,
}

impl Verdict {
    fn of(front: &Front, behind: &Behind, input: &Input) -> Verdict {
        behind.forget();
        let watched = !matches!(input.rule, Rule::GoesOn | Rule::EndsConnection | Rule::Flood);
        let outcome = exchange(front.port, &input.wire(), !input.is_raw, watched);
        let seen = behind.seen();
        let passed = seen.iter().any(|seen| seen.target != "/probe");
        Verdict { outcome, seen, passed }
    }

    fn show(&self) -> String {
        let passed = if self.passed { " passed" } else { "" };
        format!("{}{passed}", self.outcome.show())
    }
}

/// What is wrong with what we did.
fn wrong(input: &Input, ours: &Verdict, peers: &[Verdict]) -> Option<String> {
    if ours.outcome.silent {
        return Some("neither an answer nor an end".to_owned());
    }
    if let Some(problem) = ours.seen.iter().find_map(|seen| seen.problem.clone()) {
        return Some(format!("the server behind can't read what it got: {problem}"));
    }
    if ours.seen.iter().any(|seen| seen.target.contains("smuggled")) {
        return Some("a request was made out of another one".to_owned());
    }
    let (lives, passed) = (ours.outcome.lives, ours.passed);
    let is_flood = input.name.starts_with("flood:");
    let is_fine = match input.rule {
        Rule::EndsConnection => !lives,
        Rule::NotPassed => !passed,
        Rule::Good => lives && passed,
        Rule::GoesOn => lives,
        Rule::AsPeers if input.lenient.is_some() => true,
        Rule::AsPeers => !passed || peers.iter().all(|peer| peer.passed),
        Rule::Flood => !lives || peers.iter().all(|peer| peer.outcome.lives),
    };
    // A flood's requests are good ones, as many as the budget allows.
    (!is_fine && (!is_flood || lives)).then(|| format!("{:?}, but {}", input.rule, ours.show()))
}

#[test]
fn the_stricter_side_of_http2() {
    let behind = [Behind::start(), Behind::start(), Behind::start()];
    let fronts = Front::all_of_http2([behind[0].port, behind[1].port, behind[2].port]);
    let inputs = inputs();
    assert!(inputs.len() >= 100, "{} inputs", inputs.len());
    let ours = fronts.last().expect("three fronts");
    assert!(Kept::open(ours.port).is_served(), "before all of it");
    let before = ours.resident_kib();
    let mut problems = Vec::new();
    println!("{:<48} {:<26} {:<26} {:<26}", "input", "nginx", "haproxy", "ballast");
    for input in &inputs {
        let pairs = fronts.iter().zip(&behind);
        let mut verdicts: Vec<Verdict> = pairs.map(|(front, behind)| Verdict::of(front, behind, input)).collect();
        let shown: String = verdicts
            .iter()
            .map(|verdict| format!("{:<26} ", verdict.show()))
            .collect();
        println!("{:<48} {}", input.name, shown.trim_end());
        let Some(ours_of_it) = verdicts.pop() else { continue };
        let problem = wrong(input, &ours_of_it, &verdicts);
        problems.extend(problem.map(|problem| format!("{}: {problem}", input.name)));
        if !Kept::open(ours.port).is_served() {
            problems.push(format!("{}: nobody is served after it", input.name));
        }
    }
    let grown = ours.resident_kib().saturating_sub(before);
    println!("memory of ballast: {before} KiB before, {grown} KiB more after all of it");
    assert!(grown <= GROWN_KIB, "{grown} KiB more than before");
    assert!(
        problems.is_empty(),
        "{} of {} inputs:\n{}",
        problems.len(),
        inputs.len(),
        problems.join("\n")
    );
}

/// A connection beside is served while each input is there, all of them at once in the end.
#[test]
fn others_go_on_in_http2() {
    let behind = Behind::start();
    let (front, inputs) = (Front::patient(behind.port), inputs());
    let mut beside = Kept::open(front.port);
    let mut hostile = Vec::new();
    for input in inputs {
        let mut stream = TcpStream::connect(("127.0.0.1", front.port)).expect("it listens");
        stream.set_write_timeout(Some(Duration::from_secs(15))).expect("a time");
        // The front may close while it is still being sent to.
        stream.write_all(&input.wire()).ok();
        hostile.push(stream);
        assert!(beside.is_served(), "the other connection, after {}", input.name);
    }
}
