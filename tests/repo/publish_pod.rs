//! `publish-pod`: from a manifest to what the agent of that Pod sees.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ballast_tests::repo::{Repo, row};
use ballast_tests::{bin, process, repo_path, temp_dir};
use serde_json::{Value, json};

const ROOT: &str = "/pod/shop/ratings-0";

fn publish(repo: &Repo, manifest: &Path, args: &[&str], token: Option<&str>) -> (i32, String) {
    let mut command = Command::new(bin("ballast-repo"));
    command
        .arg("publish-pod")
        .arg(manifest)
        .args(["--repo", &repo.url])
        .args(args);
    command
        .env_remove("BALLAST_REPO_TOKEN")
        .envs(token.map(|token| ("BALLAST_REPO_TOKEN", token)));
    let (status, output) = process::run("publish-pod", &mut command, Duration::from_secs(30)).expect("it ends");
    (status.code().unwrap_or(-1), output)
}

fn manifest() -> PathBuf {
    repo_path("tests/controller/service-by-label/pod.yaml")
}

#[test]
fn the_life_of_a_pod() {
    let repo = Repo::dev();
    let settings = repo_path("tests/controller/service-by-label/settings.yaml");
    let settings = ["--settings", settings.to_str().unwrap()];
    let pod = || -> Value { repo.get(&format!("/repo{ROOT}/config/pod.json")).json() };
    let step = |name: &str, more: &[&str], wanted: &str| {
        let args: Vec<&str> = settings.iter().chain(more).copied().collect();
        let (code, output) = publish(&repo, &manifest(), &args, None);
        assert_eq!(code, 0, "{name}: {output}");
        assert!(output.contains(&format!("{ROOT}: {wanted}")), "{name}: {output}");
    };
    step("first", &[], "created, version 1");
    let expected: Value = serde_json::from_str(
        &std::fs::read_to_string(repo_path("tests/controller/service-by-label/expected.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(pod(), expected["pod"]);
    repo.check(&[row(
        "derives from /base",
        &format!("GET /repo{ROOT}/"),
        "",
        200,
        "/base/main.js\n/config/pod.json\n/lib.js\n",
    )]);
    let first = repo.version(ROOT);
    step("again", &[], "unchanged");
    assert_eq!(repo.version(ROOT), first);
    step("not ready", &["--ready", "false"], "published in place");
    assert_eq!(pod()["status"]["ready"], false);
    let second = repo.version(ROOT);
    assert!(second.0 == first.0 && second.1 > first.1, "in place: no reload");
    step("address", &["--pod-ip", "10.9.9.9"], "published in place");
    assert_eq!(pod()["status"]["podIPs"], json!(["10.9.9.9"]));
    step("deleting", &["--deleting"], "published in place");
    assert!(
        pod()["metadata"]["deletionTimestamp"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z'))
    );
    step("delete", &["--delete"], "deleted");
    repo.check(&[row(
        "the agent goes dormant",
        &format!("HEAD /repo{ROOT}/"),
        "",
        410,
        "",
    )]);
    step("delete again", &["--delete"], "there was none");
    step("and back", &[], "created, version 1");
    repo.check(&[row("active again", &format!("HEAD /repo{ROOT}/"), "", 200, "")]);
}

#[test]
fn what_is_known_stays_known() {
    let repo = Repo::dev();
    let folder = temp_dir();
    let file = folder.path().join("pod.yaml");
    let write = |labels: &str| {
        std::fs::write(
            &file,
            format!("kind: Pod\nmetadata: {{name: p, labels: {{{labels}}}}}\nspec: {{containers: [{{name: c}}]}}\n"),
        )
        .unwrap();
    };
    let on = "app: x, infra.flomesh.io/registry: 'true', infra.flomesh.io/port: '80'";
    write(on);
    let (code, output) = publish(&repo, &file, &["--pod-ip", "10.0.0.5", "--ready", "true"], None);
    assert_eq!(code, 0, "{output}");
    let (code, output) = publish(&repo, &file, &["--deleting"], None);
    assert_eq!(code, 0, "{output}");
    let pod = repo.get("/repo/pod/default/p/config/pod.json").json();
    assert_eq!(
        (&pod["status"]["podIP"], &pod["status"]["ready"]),
        (&json!("10.0.0.5"), &json!(true))
    );
    let before = repo.version("/pod/default/p");
    write(&format!("{on}, infra.flomesh.io/proxy: 'true'"));
    let (code, output) = publish(&repo, &file, &[], None);
    assert!(
        code == 0 && output.contains("new version 2"),
        "what scripts decide when loaded reloads them: {output}"
    );
    assert_eq!(
        (before.0.as_str(), repo.version("/pod/default/p").0.as_str()),
        ("1", "2")
    );
    write("app: x");
    let (_, output) = publish(&repo, &file, &[], None);
    assert!(output.contains("deleted, for no label asks for it"), "{output}");
    assert_eq!(repo.get("/repo/pod/default/p/").status, 410);
    let (code, output) = publish(&repo, &file, &[], None);
    assert!(code == 0 && output.contains("nothing to publish"), "{output}");
}

#[test]
fn failures_are_clear() {
    let repo = Repo::start(&[], &[("BALLAST_REPO_TOKEN", "t0ken")]);
    let (code, output) = publish(&repo, &manifest(), &[], None);
    assert!(
        code == 1 && output.contains("401") && output.contains("BALLAST_REPO_TOKEN"),
        "{code} {output}"
    );
    let (code, output) = publish(&repo, &manifest(), &[], Some("t0ken"));
    assert_eq!(code, 0, "{output}");
    let (code, output) = publish(&repo, &manifest(), &["--repo", "http://user:s3cret@127.0.0.1:1"], None);
    assert!(
        code == 1 && output.contains("is the repo up") && !output.contains("s3cret"),
        "{code} {output}"
    );
    let folder = temp_dir();
    let file = folder.path().join("pod.yaml");
    for (row, label, wanted) in [
        ("no service name", "'true'", "no service name"),
        ("a value that means nothing", "'True'", "means nothing"),
        ("a value that is no text", "true", "quote true"),
    ] {
        let text = format!("kind: Pod\nmetadata: {{name: p, labels: {{infra.flomesh.io/registry: {label}}}}}\n");
        std::fs::write(&file, text).unwrap();
        let (_, output) = publish(&repo, &file, &[], Some("t0ken"));
        assert!(
            output.contains(wanted) && !output.contains("no label asks"),
            "{row}: {output}"
        );
    }
    let (code, output) = publish(&repo, &repo_path("Cargo.toml"), &[], None);
    assert!(code == 1 && output.contains("Cargo.toml"), "{code} {output}");
    let bare = Repo::dev();
    bare.done(&[("DELETE /api/v1/repo/base", "")]);
    let (code, output) = publish(&bare, &manifest(), &[], None);
    assert!(
        code == 1 && output.contains("Base codebase not found"),
        "{code} {output}"
    );
}
