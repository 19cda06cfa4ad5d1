//! The rules as the real nft sees them: what `ballast-init --print` says is what it lists after a load.

use ballast_tests::{Netns, bin};

use crate::support::{init, nft, said};

/// Settings of every kind, so that each expression is encoded once.
const ALL: &str = "--inbound-ports 80,8000-8010 --exempt-inbound-ports 8005 --outbound-ports 1-1023,8080 \
     --exempt-outbound-ports 22,9000-9001 --exempt-uids 0,1000 --repo-port 6060,6443 --agent-priority 65539 \
     --exempt-outbound-cidrs 10.96.0.0/12,10.0.0.0/8,192.0.2.1,0.0.0.0/0,fd00::/8,fd00:1000::/20,2001:db8::1 \
     --inbound-port 1503 --outbound-port 1501";

#[test]
fn nft_lists_what_is_printed() {
    let netns = Netns::new().expect("root can make namespaces");
    for settings in ["", ALL, "--inbound-ports none --outbound-ports none --exempt-uids none"] {
        let printed = init(&netns, &format!("--print {settings}"));
        assert_eq!(printed.code, 0, "{}", printed.text);
        let loaded = init(&netns, settings);
        assert_eq!(loaded.code, 0, "{}", loaded.text);
        assert_eq!(nft(&netns, "list table inet ballast"), printed.text, "{settings}");
        let checked = init(&netns, &format!("--check {settings}"));
        assert_eq!(checked.code, 0, "{}", checked.text);
    }
}

#[test]
fn a_load_replaces_only_our_table_and_leaves_it_whole() {
    let netns = Netns::new().expect("root can make namespaces");
    nft(&netns, "add table inet other");
    assert_eq!(init(&netns, "").code, 0);
    assert_eq!(init(&netns, "--inbound-ports 80").code, 0);
    let tables = nft(&netns, "list tables");
    assert_eq!(tables, "table inet other\ntable inet ballast\n");
    let rules = nft(&netns, "list table inet ballast");
    assert_eq!(rules.matches("redirect to :15003").count(), 1, "{rules}");
    assert_eq!(init(&netns, "--remove").code, 0);
    assert_eq!(init(&netns, "--remove").code, 0, "none is there");
    assert_eq!(nft(&netns, "list tables"), "table inet other\n");
}

/// More than the answers to each rule would have room for in a socket's buffer.
#[test]
fn hundreds_of_rules() {
    let netns = Netns::new().expect("root can make namespaces");
    let list = |what: fn(u32) -> String| (1..=64).map(what).collect::<Vec<_>>().join(",");
    let ports = list(|n| (n * 100).to_string());
    let networks = list(|n| format!("10.{n}.0.0/16"));
    let settings = format!(
        "--inbound-ports {ports} --exempt-inbound-ports {ports} --outbound-ports {ports} --exempt-outbound-ports {ports} \
         --exempt-outbound-cidrs {networks} --exempt-uids {}",
        list(|n| (n + 2000).to_string())
    );
    let loaded = init(&netns, &settings);
    assert_eq!(loaded.code, 0, "{}", loaded.text);
    let printed = init(&netns, &format!("--print {settings}"));
    assert_eq!(nft(&netns, "list table inet ballast"), printed.text);
}

#[test]
fn what_somebody_changed_is_found() {
    let netns = Netns::new().expect("root can make namespaces");
    let absent = init(&netns, "--check");
    assert_eq!(absent.code, 1);
    assert!(absent.text.contains("no chain inbound"), "{}", absent.text);
    assert_eq!(init(&netns, "").code, 0);
    nft(&netns, "insert rule inet ballast outbound tcp dport 443 accept");
    let changed = init(&netns, "--check");
    assert_eq!(changed.code, 1);
    assert!(
        changed
            .text
            .contains("chain outbound lacks 'oifname \"lo\" tcp dport 15064"),
        "{}",
        changed.text
    );
    assert_eq!(init(&netns, "").code, 0);
    for others in ["--inbound-port 9", "--exempt-uids 7", "--agent-priority 6"] {
        let other = init(&netns, &format!("--check {others}"));
        assert_eq!(other.code, 1, "{others}: {}", other.text);
    }
    nft(&netns, "flush chain inet ballast outbound");
    assert_eq!(init(&netns, "--check").code, 1);
    assert_eq!(init(&netns, "").code, 0, "a load mends it");
    assert_eq!(init(&netns, "--check").code, 0);
}

#[test]
fn without_the_capability_it_says_which() {
    let netns = Netns::new().expect("root can make namespaces");
    let mut command = netns.command("setpriv");
    command
        .args(["--reuid", "1000", "--regid", "1000", "--clear-groups"])
        .arg(bin("ballast-init"));
    let denied = said(command);
    assert_eq!(denied.code, 1);
    assert!(denied.text.contains("NET_ADMIN"), "{}", denied.text);
    let mut command = netns.command("setpriv");
    command
        .args(["--bounding-set", "-net_admin", "--inh-caps", "-net_admin"])
        .arg(bin("ballast-init"));
    let denied = said(command);
    assert_eq!(denied.code, 1, "uid 0 alone is not enough");
    assert!(denied.text.contains("capabilities.add [NET_ADMIN]"), "{}", denied.text);
    assert_eq!(nft(&netns, "list tables"), "", "nothing was loaded");
}

#[test]
fn bad_usage_is_64() {
    let netns = Netns::new().expect("root can make namespaces");
    let bad = init(&netns, "--inbound-port 0");
    assert_eq!(bad.code, 64);
    assert!(bad.text.contains("--inbound-port: '0' is no port"), "{}", bad.text);
    let help = init(&netns, "--help");
    assert_eq!(help.code, 0);
    assert!(help.text.contains("Examples:"), "{}", help.text);
}
