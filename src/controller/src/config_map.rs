//! One ConfigMap as a codebase: its keys are the files at the root. Not for: when (`reconcile/`), Pods (`publish.rs`).
//!
//! The codebase is `/config/<namespace>/<name>`, by rule: whoever may write ConfigMaps of a namespace must not be able to
//! replace what Pods of others run. All below `/config/` is the controller's.

use std::collections::BTreeMap;

use ballast_derive::labels::PREFIX;
use ballast_repo_client::path::{codebase_name, file_path};
use bytes::Bytes;
use k8s_openapi::api::core::v1::ConfigMap;

/// The label that asks for it, without the prefix; its value is `true`.
pub(crate) const LABEL: &str = "codebase";
/// Annotation, without the prefix: the codebase that this one derives from.
const BASE: &str = "base";

/// What a ConfigMap is to be in the Repo.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) base: Option<String>,
    pub(crate) files: BTreeMap<String, Bytes>,
}

/// What a ConfigMap asks for; `None`: nothing.
///
/// # Errors
/// Why it can't have it.
pub(crate) fn sheet(map: ConfigMap) -> Result<Option<Sheet>, String> {
    let label = format!("{PREFIX}{LABEL}");
    match map
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(&label))
        .map(String::as_str)
    {
        Some("true") => {}
        None | Some("false") => return Ok(None),
        Some(other) => {
            return Err(format!(
                "label {label}: {other:?} means nothing; it is 'true' or 'false'"
            ));
        }
    }
    let annotations = map.metadata.annotations.unwrap_or_default();
    let base = annotations.get(&format!("{PREFIX}{BASE}")).map(|base| {
        codebase_name(base).map_err(|reason| format!("annotation {PREFIX}{BASE}: {base:?} names no codebase: {reason}"))
    });
    let text = map
        .data
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, Bytes::from(value)));
    let binary = map
        .binary_data
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, Bytes::from(value.0)));
    let files = text.chain(binary).map(|(key, value)| {
        let path = file_path(&format!("/{key}")).map_err(|reason| format!("key {key:?} names no file: {reason}"))?;
        Ok((path, value))
    });
    let files: BTreeMap<String, Bytes> = files.collect::<Result<_, String>>()?;
    if files.is_empty() {
        return Err("it has no keys, so there is nothing to publish".to_owned());
    }
    Ok(Some(Sheet {
        base: base.transpose()?,
        files,
    }))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn map(label: &str, base: Option<&str>, keys: &[&str]) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.labels = Some(BTreeMap::from([(format!("{PREFIX}{LABEL}"), label.to_owned())]));
        map.metadata.annotations = base.map(|base| BTreeMap::from([(format!("{PREFIX}{BASE}"), base.to_owned())]));
        map.data = Some(
            keys.iter()
                .map(|key| ((*key).to_owned(), format!("text of {key}")))
                .collect(),
        );
        map
    }

    #[test]
    fn keys_are_files_at_the_root() {
        let mut map = map("true", Some("/base"), &["main.js", "lib.js"]);
        map.binary_data = Some(BTreeMap::from([("icon.png".to_owned(), ByteString(vec![0xff, 0]))]));
        let sheet = sheet(map).unwrap().unwrap();
        assert_eq!(sheet.base.as_deref(), Some("/base"));
        assert_eq!(
            sheet.files.keys().collect::<Vec<_>>(),
            ["/icon.png", "/lib.js", "/main.js"]
        );
        assert_eq!(sheet.files["/icon.png"], Bytes::from_static(&[0xff, 0]));
    }

    #[test]
    fn what_asks_for_nothing_or_can_not_have_it() {
        assert_eq!(sheet(ConfigMap::default()), Ok(None));
        assert_eq!(sheet(map("false", None, &["main.js"])), Ok(None));
        let rows = [
            (map("yes", None, &["main.js"]), "'true' or 'false'"),
            (map("true", Some(".."), &["main.js"]), "names no codebase"),
            (map("true", None, &[".."]), "names no file"),
            (map("true", None, &[]), "no keys"),
        ];
        for (map, wanted) in rows {
            let reason = sheet(map).unwrap_err();
            assert!(reason.contains(wanted), "{reason}");
        }
    }
}
