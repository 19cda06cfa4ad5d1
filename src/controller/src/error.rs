//! What can go wrong with one object.

/// A publish that did not work out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The Repo.
    #[error(transparent)]
    Repo(#[from] ballast_repo_client::Error),
    /// The API server, asked whether an object is there.
    #[error("ask for {object}: {source}")]
    Api {
        /// Kind, namespace and name.
        object: String,
        /// What it said.
        #[source]
        source: Box<kube::Error>,
    },
    /// No end within the limit.
    #[error("no end within {0:?}; is the repo overloaded?")]
    Timeout(std::time::Duration),
}

impl Error {
    /// Whether the Repo can't be reached at all or does not know our token, so that the next Pod would fare no better.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Repo(error) => matches!(
                error,
                ballast_repo_client::Error::Transport { .. }
                    | ballast_repo_client::Error::Status {
                        status: 401 | 403 | 502..=504,
                        ..
                    }
            ),
            Self::Api { .. } => false,
            Self::Timeout(_) => true,
        }
    }
}

/// An error with all that led to it, each once.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_other_pod_would_fare_better_with() {
        // (status, whether it concerns all)
        let rows = [
            (400, false),
            (401, true),
            (403, true),
            (404, false),
            (413, false),
            (500, false),
            (502, true),
            (503, true),
            (504, true),
        ];
        for (status, wanted) in rows {
            let error = Error::Repo(ballast_repo_client::Error::Status {
                method: "PATCH".to_owned(),
                url: "http://repo/api/v1/repo/pod/a/b".to_owned(),
                status,
                message: String::new(),
                hint: "",
            });
            assert_eq!(error.is_outage(), wanted, "{status}");
        }
    }
}
