//! What the demo proved: a line each, with the seconds it took and the seconds it may take; as a table for people and as
//! JSON for the end-to-end test. Not for: measuring (flow.rs).

use serde_json::{Value, json};

use crate::console;

/// One thing that happened, or did not.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proof {
    /// Short name, for the test.
    pub(super) key: &'static str,
    pub(super) what: String,
    /// `None`: it has not been seen in time.
    pub(super) seconds: Option<f64>,
    /// Longest time allowed; `None`: it only has to happen.
    pub(super) bound: Option<f64>,
}

impl Proof {
    fn holds(&self) -> bool {
        self.seconds
            .is_some_and(|seconds| self.bound.is_none_or(|bound| seconds <= bound))
    }
}

/// All proofs so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    proofs: Vec<Proof>,
}

impl Report {
    /// Adds a proof and shows it.
    pub(super) fn add(&mut self, proof: Proof) {
        console::say(&line(&proof));
        self.proofs.push(proof);
    }

    /// Did everything happen in time (and anything at all)?
    pub(super) fn holds(&self) -> bool {
        !self.proofs.is_empty() && self.proofs.iter().all(Proof::holds)
    }

    /// The table for the end.
    pub(super) fn table(&self) -> String {
        let lines: Vec<String> = self.proofs.iter().map(line).collect();
        format!("{:<62} {:>8} {:>8}\n{}", "what", "took", "at most", lines.join("\n"))
    }

    /// `{"holds": bool, "proofs": [{"key", "what", "seconds", "bound", "holds"}]}`.
    pub(super) fn json(&self) -> Value {
        let proofs = self.proofs.iter().map(|proof| {
            json!({
                "key": proof.key, "what": proof.what, "seconds": proof.seconds,
                "bound": proof.bound, "holds": proof.holds(),
            })
        });
        json!({ "holds": self.holds(), "proofs": proofs.collect::<Vec<_>>() })
    }
}

fn line(proof: &Proof) -> String {
    let shown = |seconds: Option<f64>, none: &str| seconds.map_or(none.to_owned(), |s| format!("{s:.2} s"));
    let verdict = if proof.holds() { "ok" } else { "FAILED" };
    format!(
        "{:<62} {:>8} {:>8}  {verdict}",
        proof.what,
        shown(proof.seconds, "never"),
        shown(proof.bound, "-")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_when_it_was_seen_in_time() {
        let proof = |seconds, bound| Proof {
            key: "k",
            what: "w".to_owned(),
            seconds,
            bound,
        };
        for (seconds, bound, holds) in [
            (Some(1.0), Some(1.5), true),
            (Some(2.0), Some(1.5), false),
            (Some(9.0), None, true),
            (None, None, false),
        ] {
            assert_eq!(proof(seconds, bound).holds(), holds, "{seconds:?} of {bound:?}");
        }
        let mut report = Report::default();
        assert!(!report.holds(), "no proof is no success");
        report.add(proof(Some(1.0), None));
        assert!(report.holds());
        report.add(proof(None, None));
        assert!(!report.holds() && report.table().contains("FAILED"));
        assert_eq!(report.json()["proofs"][1]["holds"], false);
    }
}
