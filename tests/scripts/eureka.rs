//! What Eureka says of an instance, and what an operator tells it. Source: its REST API, as measured on the real server.

use std::time::{Duration, Instant};

use ballast_tests::http::{Request, Response};
use ballast_tests::registries::EUREKA_PORT;
use ballast_tests::{poll, wait_for};
use serde_json::Value;

use crate::stage::Stage;

impl Stage {
    /// The instance `id` of `app` as Eureka has it now.
    pub(crate) fn instance(&self, app: &str, id: &str) -> Option<Value> {
        let answer = self.ask("GET", &path(app, id))?;
        (answer.status == 200).then(|| answer.json()["instance"].clone())
    }

    /// Its status; `GONE` when Eureka does not know it, empty when Eureka does not answer.
    pub(crate) fn status(&self, app: &str, id: &str) -> String {
        match self.ask("GET", &path(app, id)) {
            Some(answer) if answer.status == 200 => answer.json()["instance"]["status"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            Some(answer) if answer.status == 404 => "GONE".to_owned(),
            _ => String::new(),
        }
    }

    /// Waits until Eureka shows `status`, and returns how long that took.
    #[track_caller]
    pub(crate) fn await_status(&self, app: &str, id: &str, status: &str) -> Duration {
        let mut seen = String::new();
        let start = Instant::now();
        let is_there = poll(crate::SOON, || {
            seen = self.status(app, id);
            (seen == status).then_some(())
        });
        assert!(
            is_there.is_some(),
            "{id} is {seen:?} after {:?}, not {status}",
            crate::SOON
        );
        start.elapsed()
    }

    /// All statuses that Eureka shows until `end` holds, without repetitions.
    #[track_caller]
    pub(crate) fn statuses_until(&self, app: &str, id: &str, what: &str, mut end: impl FnMut() -> bool) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        wait_for(crate::SOON, what, || {
            let status = self.status(app, id);
            if seen.last() != Some(&status) {
                seen.push(status);
            }
            end()
        });
        seen
    }

    /// Ids of the instances of `app`.
    pub(crate) fn ids(&self, app: &str) -> Vec<String> {
        let Some(answer) = self
            .ask("GET", &format!("/apps/{}", app.to_uppercase()))
            .filter(|a| a.status == 200)
        else {
            return Vec::new();
        };
        let app = answer.json();
        let instances = app["application"]["instance"].as_array().cloned().unwrap_or_default();
        let mut ids: Vec<_> = instances
            .iter()
            .filter_map(|instance| instance["instanceId"].as_str().map(str::to_owned))
            .collect();
        ids.sort();
        ids
    }

    /// An operator takes the instance out of service.
    #[track_caller]
    pub(crate) fn override_out_of_service(&self, app: &str, id: &str) {
        let answer = self.ask("PUT", &format!("{}/status?value=OUT_OF_SERVICE", path(app, id)));
        assert_eq!(answer.expect("Eureka is up").status, 200);
    }

    /// Somebody removes the instance behind our back.
    #[track_caller]
    pub(crate) fn remove(&self, app: &str, id: &str) {
        assert_eq!(self.ask("DELETE", &path(app, id)).expect("Eureka is up").status, 200);
    }

    fn ask(&self, method: &str, path: &str) -> Option<Response> {
        let url = format!("http://127.0.0.1:{EUREKA_PORT}/eureka{path}");
        let request = Request::new(method, &url).header("Accept", "application/json");
        self.netns.run(|| request.timeout(Duration::from_secs(5)).send().ok())
    }
}

fn path(app: &str, id: &str) -> String {
    format!("/apps/{}/{id}", app.to_uppercase())
}
