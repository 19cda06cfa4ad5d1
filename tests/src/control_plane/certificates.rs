//! Certificates and keys of a cluster that lives for one test: an authority, what it signed, the key of service accounts.
//! Not for: tokens. Source: Kubernetes, "PKI certificates and requirements".

use std::path::Path;
use std::process::{Command, Stdio};

use super::Place;

/// A new key on P-256 beside the certificate, for two days.
const NEW_KEY: [&str; 7] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-days",
    "2",
];

/// Makes all files in `folder`: `ca`, `apiserver` (each `.crt` and `.key`), `sa.key`, `sa.pub`; with a node also `kubelet` and
/// `to-kubelet`.
///
/// # Panics
/// openssl fails, or is not there.
#[track_caller]
pub(super) fn make(folder: &Path, place: Option<&Place>) {
    let mut authority = vec![
        "req",
        "-x509",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-subj",
        "/CN=test-ca",
    ];
    authority.extend(NEW_KEY);
    openssl(folder, &authority);
    let address = place.map_or_else(String::new, |place| format!(",IP:{}", place.address));
    let names = format!("IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc{address}");
    signed(folder, "apiserver", "/CN=kube-apiserver", "serverAuth", Some(&names));
    if let Some(place) = place {
        let subject = format!("/O=system:nodes/CN=system:node:{}", place.node);
        let names = format!("IP:{},DNS:{}", place.address, place.node);
        signed(folder, "kubelet", &subject, "serverAuth,clientAuth", Some(&names));
        signed(
            folder,
            "to-kubelet",
            "/O=system:masters/CN=kube-apiserver",
            "clientAuth",
            None,
        );
    }
    openssl(folder, &["genrsa", "-out", "sa.key", "2048"]);
    openssl(folder, &["rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub"]);
}

#[track_caller]
fn signed(folder: &Path, name: &str, subject: &str, usage: &str, names: Option<&str>) {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
    let usage = format!("extendedKeyUsage={usage}");
    let names = names.map(|names| format!("subjectAltName={names}"));
    let mut words = vec![
        "req",
        "-x509",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-keyout",
        &key,
        "-out",
        &certificate,
    ];
    words.extend([
        "-subj",
        subject,
        "-addext",
        "basicConstraints=critical,CA:FALSE",
        "-addext",
        &usage,
    ]);
    if let Some(names) = &names {
        words.extend(["-addext", names]);
    }
    words.extend(NEW_KEY);
    openssl(folder, &words);
}

#[track_caller]
fn openssl(folder: &Path, words: &[&str]) {
    let done = Command::new("openssl")
        .current_dir(folder)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        done.as_ref().is_ok_and(std::process::ExitStatus::success),
        "openssl {words:?}: {done:?}"
    );
}
