//! `infra.flomesh.io/proxy`: the inbound proxy. Its settings, and the ports that it stands before.

use ballast_repo_client::pod::PodDocument;
use serde_json::{Map, Value};

use super::Feature;
use crate::ports::select;

pub(super) const FEATURE: Feature = Feature {
    name: "proxy",
    env: &[],
    build,
};

fn build(
    pod: &PodDocument,
    mut settings: Map<String, Value>,
    warnings: &mut Vec<String>,
) -> Option<Map<String, Value>> {
    let ports = serde_json::to_value(select(pod, warnings)).ok()?;
    settings.insert("ports".to_owned(), ports);
    Some(settings)
}
