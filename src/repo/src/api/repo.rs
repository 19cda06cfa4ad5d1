//! `/api/v1/repo/...`: codebases as such, in the current form and in the old one, where files are written here too.
//! Source: Repo protocol section 3.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use ballast_repo_client::limits::MAX_FILE_BYTES;
use ballast_repo_client::path::{codebase_name, file_path};
use serde_json::{Map, Value, json};

use super::auth::refuse_writer;
use super::{App, body, is_read, method_not_allowed, object, outcome, path_below, refused, repo_files, text, with};
use crate::change::{Change, Content, pod_uid};
use crate::error::Refused;
use crate::model::{self, Lookup};
use crate::resolve;

/// The fields of a body that creates or commits.
const FIELDS: [&str; 3] = ["base", "version", "main"];

pub(super) async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let Some(path) = path_below(&request, "/api/v1/repo") else {
        return refused(Refused::Name);
    };
    let method = request.method().clone();
    if is_read(&method) {
        return get(&app, &path).await;
    }
    if let Some(answer) = refuse_writer(&app, request.headers()) {
        return answer;
    }
    match method {
        Method::POST => post(&app, &path, request).await,
        Method::PUT => put(&app, &path, request).await,
        Method::PATCH => patch(&app, &path, request).await,
        Method::DELETE => delete(&app, &path).await,
        _ => method_not_allowed("GET, HEAD, POST, PUT, PATCH, DELETE"),
    }
}

async fn get(app: &App, path: &str) -> Response {
    if matches!(path, "" | "/") {
        let lines: String = app.repository.state().names().map(|name| format!("{name}\n")).collect();
        return text(StatusCode::OK, lines);
    }
    let Ok(name) = codebase_name(path) else {
        return refused(Refused::NotFound);
    };
    let description = describe(&app.repository.state(), &name);
    let Some(mut fields) = description else {
        return repo_files::read(app, path).await;
    };
    fields.insert("instances".to_owned(), Value::Object(app.repository.instances(&name)));
    with(
        text(StatusCode::OK, Value::Object(fields).to_string()),
        header::CONTENT_TYPE,
        "application/json",
    )
}

fn describe(state: &model::State, name: &str) -> Option<Map<String, Value>> {
    let chain = resolve::chain(state, name);
    let (own, bases) = chain.split_first()?;
    let derived: Vec<&str> = state.children(name).collect();
    let base_files = resolve::merged(bases);
    let mut fields = json!({
        "version": resolve::version(state, own),
        "path": name,
        "main": resolve::main(&chain),
        "files": own.files.keys().collect::<Vec<_>>(),
        "editFiles": own.edits.keys().collect::<Vec<_>>(),
        "erasedFiles": own.erased,
        "baseFiles": base_files.keys().collect::<Vec<_>>(),
        "derived": derived,
    });
    if let Some(base) = &own.base {
        fields["base"] = Value::from(base.as_str());
    }
    match fields {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

async fn post(app: &App, path: &str, request: Request) -> Response {
    let name = codebase_name(path);
    let (exists, is_below) = match &name {
        Ok(name) => match resolve::split(&*app.repository.state(), name) {
            Some((codebase, "")) => (codebase == name, false),
            Some(_) => (false, true),
            None => (false, false),
        },
        Err(_) => (false, false),
    };
    let Ok(name) = name else { return refused(Refused::Name) };
    let bytes = match body(&app.uploads, request.into_body(), MAX_FILE_BYTES).await {
        Ok(bytes) => bytes,
        Err(answer) => return *answer,
    };
    let fields = object(&bytes);
    let is_description = fields
        .as_ref()
        .is_ok_and(|fields| fields.keys().all(|key| FIELDS.contains(&key.as_str())));
    // Old form: a path below a codebase is a file, unless the body describes a codebase.
    if is_below && !is_description {
        return repo_files::upload(app, path, bytes).await;
    }
    let described = match fields.and_then(|fields| Description::of(&fields)) {
        Ok(described) => described,
        Err(reason) => return refused(reason),
    };
    let Description { base, version, main } = described;
    let change = match (exists, version) {
        // Old form: the version of an existing codebase commits, if it differs from the current one.
        (true, Some(version)) if is_current(app, &name, &version) => return text(StatusCode::CREATED, ""),
        (true, Some(version)) => Change::Publish {
            name,
            version: Some(version),
            main,
            base,
        },
        (_, version) => Change::Create {
            name,
            base,
            version: version.unwrap_or_else(|| "0".to_owned()),
            main,
        },
    };
    outcome(app.repository.change(change).await, StatusCode::CREATED)
}

/// Ours: a new codebase with its files, committed, in one request: `{ base?, version, files: { path: text } }`.
async fn put(app: &App, path: &str, request: Request) -> Response {
    let Ok(name) = codebase_name(path) else {
        return refused(Refused::Name);
    };
    let bytes = match body(&app.uploads, request.into_body(), MAX_FILE_BYTES).await {
        Ok(bytes) => bytes,
        Err(answer) => return *answer,
    };
    let change = object(&bytes).and_then(|mut fields| {
        let files = match fields.remove("files") {
            Some(Value::Object(files)) => files,
            _ => return Err(Refused::Json),
        };
        let Description { base, version, .. } = Description::of(&fields)?;
        let files = files.into_iter().map(|(path, text)| match text {
            Value::String(text) => Ok((file_path(&path).map_err(|_| Refused::Filename)?, text)),
            _ => Err(Refused::Json),
        });
        let contents = files.map(|file| {
            let (path, text) = file?;
            if path.ends_with(&format!("/{}", super::worker::ETAGS)) {
                return Err(Refused::Filename);
            }
            let bytes = Bytes::from(text);
            let content = Content {
                hash: crate::hash(&bytes),
                uid: pod_uid(&name, &path, &bytes),
                bytes,
            };
            Ok((path, content))
        });
        Ok(Change::Make {
            base,
            version: version.ok_or(Refused::Version)?,
            files: contents.collect::<Result<_, _>>()?,
            name: name.clone(),
        })
    });
    match change {
        Ok(change) => outcome(app.repository.change(change).await, StatusCode::CREATED),
        Err(reason) => refused(reason),
    }
}

async fn patch(app: &App, path: &str, request: Request) -> Response {
    let Ok(name) = codebase_name(path) else {
        return refused(Refused::NotFound);
    };
    if app.repository.state().get(&name).is_none() {
        return repo_files::patch(app, path, request).await;
    }
    let bytes = match body(&app.uploads, request.into_body(), MAX_FILE_BYTES).await {
        Ok(bytes) => bytes,
        Err(answer) => return *answer,
    };
    match object(&bytes).and_then(|fields| Description::of(&fields)) {
        Ok(Description { version, main, .. }) => {
            let change = Change::Publish {
                name,
                version,
                main,
                base: None,
            };
            outcome(app.repository.change(change).await, StatusCode::CREATED)
        }
        Err(reason) => refused(reason),
    }
}

async fn delete(app: &App, path: &str) -> Response {
    match codebase_name(path) {
        Ok(name) => outcome(
            app.repository.change(Change::Delete { name }).await,
            StatusCode::NO_CONTENT,
        ),
        Err(_) => refused(Refused::NotFound),
    }
}

fn is_current(app: &App, name: &str, version: &str) -> bool {
    let state = app.repository.state();
    state
        .get(name)
        .is_some_and(|own| own.committed && resolve::version(&*state, own) == version)
}

/// What a body says about a codebase.
struct Description {
    base: Option<String>,
    version: Option<String>,
    main: Option<String>,
}

impl Description {
    fn of(fields: &Map<String, Value>) -> Result<Self, Refused> {
        let field = |key| fields.get(key).filter(|value| !value.is_null());
        let base = match field("base") {
            None => None,
            Some(Value::String(base)) if base.is_empty() => None,
            Some(Value::String(base)) => Some(codebase_name(base).map_err(|_| Refused::Base)?),
            Some(_) => return Err(Refused::Base),
        };
        let version = match field("version") {
            None => None,
            Some(Value::String(version)) => Some(version.clone()),
            Some(Value::Number(version)) => Some(version.to_string()),
            Some(_) => return Err(Refused::Version),
        };
        let main = match field("main") {
            None => None,
            Some(Value::String(main)) => Some(file_path(main).map_err(|_| Refused::Main)?),
            Some(_) => return Err(Refused::Main),
        };
        Ok(Self { base, version, main })
    }
}
