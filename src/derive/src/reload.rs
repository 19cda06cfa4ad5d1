//! Which changes of a `pod.json` the scripts follow while they run, and which they only see when they are loaded. Pure.
//! What runs by the scripts of /base: they watch the file for readiness, addresses, deletion and the service name; which
//! features there are, with which checks and ports, they decide once.

use ballast_repo_client::pod::PodDocument;
use serde_json::Value;

/// The field of a feature's settings that is followed at run time: an instance of the old name leaves, one of the new joins.
const FOLLOWED: &str = "service";

/// Whether the change from `before` to `after` (contents of two `pod.json`) must be committed as a new version, so that
/// workers reload. `false`: publish it in place. What can't be read is committed.
pub fn needs_reload(before: &str, after: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<PodDocument>(text);
    let (Ok(before), Ok(after)) = (parse(before), parse(after)) else {
        return true;
    };
    // Another Pod of the same name starts anew.
    before.schema != after.schema || before.metadata.uid != after.metadata.uid || loaded(before) != loaded(after)
}

/// What scripts look at only when they are loaded.
fn loaded(mut pod: PodDocument) -> impl PartialEq {
    pod.spec.node_name = None;
    for settings in pod.features.values_mut() {
        if let Value::Object(fields) = settings {
            fields.remove(FOLLOWED);
        }
    }
    (pod.spec, pod.features)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = r#"{"schema":1,"metadata":{"name":"a","namespace":"n","uid":"u"},
        "spec":{"containers":[{"name":"c","kind":"app","ports":[{"containerPort":80}]}]},
        "features":{"registry":{"service":"s","ports":[80]}}}"#;

    #[test]
    fn what_is_followed_and_what_is_loaded() {
        let rows = [
            ("nothing", "", "", false),
            (
                "readiness",
                r#""features""#,
                r#""status":{"ready":true,"podIP":"10.0.0.1"},"features""#,
                false,
            ),
            (
                "deletion",
                r#""uid":"u""#,
                r#""uid":"u","deletionTimestamp":"2026-01-02T03:04:05Z""#,
                false,
            ),
            ("labels", r#""uid":"u""#, r#""uid":"u","labels":{"a":"b"}"#, false),
            ("node", r#""containers""#, r#""nodeName":"n","containers""#, false),
            ("service name", r#""service":"s""#, r#""service":"t""#, false),
            ("ports of a feature", r#""ports":[80]"#, r#""ports":[81]"#, true),
            ("one more feature", r#""registry""#, r#""proxy":{},"registry""#, true),
            (
                "a container's port",
                r#""containerPort":80"#,
                r#""containerPort":81"#,
                true,
            ),
            ("another Pod", r#""uid":"u""#, r#""uid":"v""#, true),
            ("no document", "{", "", true),
        ];
        for (row, from, to, wanted) in rows {
            assert_eq!(needs_reload(POD, &POD.replacen(from, to, 1)), wanted, "{row}");
        }
    }
}
