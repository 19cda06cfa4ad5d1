//! `URL` and `URLSearchParams`. Source: pipyjs/globals.md section 5.
//! Parsing is WHATWG's (crate url); the parameters are ours, since `+` stays a plus here.

use crate::js::{self, List, throw_error};
use crate::limits;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rquickjs::class::Trace;
use rquickjs::prelude::Opt;
use rquickjs::{Array, Class, Ctx, JsLifetime, Object, Value};

/// What encodeURIComponent leaves as it is: letters, digits and `-_.!~*'()`.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

pub(super) fn url(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<Url>::define(&ctx.globals())?;
    let class: Object<'_> = ctx.globals().get("URL")?;
    for (name, standard) in [
        ("encode", "encodeURI"),
        ("decode", "decodeURI"),
        ("encodeComponent", "encodeURIComponent"),
        ("decodeComponent", "decodeURIComponent"),
    ] {
        let function: Value<'_> = ctx.globals().get(standard)?;
        class.set(name, function)?;
    }
    Ok(())
}

pub(super) fn params(ctx: &Ctx<'_>) -> js::Result<()> {
    Class::<SearchParams>::define(&ctx.globals())?;
    js::bind_methods_afresh::<SearchParams>(ctx, &[])
}

/// Parts of a URL; read-only.
#[derive(Trace, JsLifetime)]
#[rquickjs::class(rename = "URL")]
pub struct Url {
    #[qjs(skip_trace)]
    url: url::Url,
}

#[rquickjs::methods(rename_all = "camelCase")]
impl Url {
    /// `new URL(text, base?)`.
    #[qjs(constructor)]
    pub fn new(ctx: Ctx<'_>, text: String, base: Opt<String>) -> js::Result<Self> {
        let invalid = |text: &str, error: url::ParseError| throw_error(&ctx, &format!("invalid URL '{text}': {error}"));
        let base = match &base.0 {
            None => None,
            Some(base) => Some(url::Url::parse(base).map_err(|error| invalid(base, error))?),
        };
        let url = url::Url::options()
            .base_url(base.as_ref())
            .parse(&text)
            .map_err(|error| invalid(&text, error))?;
        Ok(Url { url })
    }

    /// The whole.
    #[qjs(get)]
    pub fn href(&self) -> String {
        self.url.as_str().to_owned()
    }

    /// With the colon.
    #[qjs(get)]
    pub fn protocol(&self) -> String {
        format!("{}:", self.url.scheme())
    }

    /// `user:password`, `user`, or empty.
    #[qjs(get)]
    pub fn auth(&self) -> String {
        match self.url.password() {
            Some(password) => format!("{}:{password}", self.url.username()),
            None => self.username(),
        }
    }

    /// Before the colon of `auth`.
    #[qjs(get)]
    pub fn username(&self) -> String {
        self.url.username().to_owned()
    }

    /// After the colon of `auth`.
    #[qjs(get)]
    pub fn password(&self) -> String {
        self.url.password().unwrap_or_default().to_owned()
    }

    /// Name and port.
    #[qjs(get)]
    pub fn host(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.hostname()),
            None => self.hostname(),
        }
    }

    /// The name alone.
    #[qjs(get)]
    pub fn hostname(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }

    /// As text; empty when it is the default one.
    #[qjs(get)]
    pub fn port(&self) -> String {
        self.url.port().map(|port| port.to_string()).unwrap_or_default()
    }

    /// Protocol, name and port.
    #[qjs(get)]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Path with the query.
    #[qjs(get)]
    pub fn path(&self) -> String {
        format!("{}{}", self.url.path(), self.search())
    }

    /// Path without the query.
    #[qjs(get)]
    pub fn pathname(&self) -> String {
        self.url.path().to_owned()
    }

    /// The query with its question mark, or empty.
    #[qjs(get)]
    pub fn search(&self) -> String {
        self.url
            .query()
            .filter(|query| !query.is_empty())
            .map(|query| format!("?{query}"))
            .unwrap_or_default()
    }

    /// The query.
    #[qjs(get)]
    pub fn query(&self) -> String {
        self.url.query().unwrap_or_default().to_owned()
    }

    /// The fragment with its mark, or empty.
    #[qjs(get)]
    pub fn hash(&self) -> String {
        self.url
            .fragment()
            .filter(|hash| !hash.is_empty())
            .map(|hash| format!("#{hash}"))
            .unwrap_or_default()
    }

    /// The query's parameters.
    #[qjs(get)]
    pub fn search_params(&self) -> SearchParams {
        SearchParams::parse(self.url.query().unwrap_or_default())
    }

    /// The whole.
    #[qjs(rename = "toString")]
    pub fn text(&self) -> String {
        self.href()
    }
}

/// Parameters in their order.
#[derive(Default, Trace, JsLifetime)]
#[rquickjs::class(rename = "URLSearchParams")]
pub struct SearchParams {
    pairs: Vec<(String, String)>,
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl SearchParams {
    fn parse(text: &str) -> Self {
        let text = text.strip_prefix('?').unwrap_or(text);
        let parts = text
            .split('&')
            .filter(|part| !part.is_empty())
            .take(limits::QUERY_PARAMETERS);
        let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
        SearchParams {
            pairs: pairs.map(|(name, value)| (decode(name), decode(value))).collect(),
        }
    }
}

#[rquickjs::methods(rename_all = "camelCase")]
impl SearchParams {
    /// `new URLSearchParams(text | object)`; values of an object may be arrays.
    #[qjs(constructor)]
    pub fn new<'js>(ctx: Ctx<'js>, from: Opt<Value<'js>>) -> js::Result<Self> {
        let Some(from) = from.0.filter(|from| !js::is_nullish(from)) else {
            return Ok(SearchParams::default());
        };
        let Some(object) = from.as_object() else {
            return Ok(SearchParams::parse(&js::value_to_text(&ctx, &from)));
        };
        let mut pairs = Vec::new();
        for entry in object.props::<String, Value<'js>>() {
            let (name, value) = entry?;
            match value.as_list() {
                Some(array) => {
                    for item in array.iter::<Value<'js>>() {
                        pairs.push((name.clone(), js::value_to_text(&ctx, &item?)));
                    }
                }
                None => pairs.push((name, js::value_to_text(&ctx, &value))),
            }
        }
        Ok(SearchParams { pairs })
    }

    /// The first value, or null.
    pub fn get<'js>(&self, ctx: Ctx<'js>, name: String) -> js::Result<Value<'js>> {
        use rquickjs::IntoJs;
        match self.pairs.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => value.as_str().into_js(&ctx),
            None => Ok(Value::new_null(ctx)),
        }
    }

    /// All values.
    pub fn get_all(&self, name: String) -> Vec<String> {
        self.pairs
            .iter()
            .filter(|(known, _)| *known == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// Replaces all values by one.
    pub fn set<'js>(&mut self, ctx: Ctx<'js>, name: String, value: Value<'js>) {
        let value = js::value_to_text(&ctx, &value);
        let first = self.pairs.iter().position(|(known, _)| *known == name);
        match first {
            None => self.pairs.push((name, value)),
            Some(first) => {
                let mut index = 0;
                self.pairs.retain(|(known, _)| {
                    index += 1;
                    index - 1 == first || *known != name
                });
                if let Some(pair) = self.pairs.get_mut(first) {
                    pair.1 = value;
                }
            }
        }
    }

    /// Names to values; to arrays where there are several.
    pub fn to_object<'js>(&self, ctx: Ctx<'js>) -> js::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        for (name, value) in &self.pairs {
            let known: Value<'js> = object.get(name.as_str())?;
            if let Some(array) = known.as_list() {
                array.set(array.len(), value.as_str())?;
            } else if known.is_string() {
                let array = Array::new(ctx.clone())?;
                array.set(0, known)?;
                array.set(1, value.as_str())?;
                object.set(name.as_str(), array)?;
            } else {
                object.set(name.as_str(), value.as_str())?;
            }
        }
        Ok(object)
    }

    /// As a query, without question mark.
    #[qjs(rename = "toString")]
    pub fn text(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, COMPONENT).to_string();
        let pairs = self
            .pairs
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use crate::worker::testing::{exchange, serve};

    /// pipyjs/globals.md section 5. The client sends an expression's number; one engine serves all.
    #[tokio::test(flavor = "current_thread")]
    async fn urls_and_parameters() {
        const FULL: &str = "new URL('http://me:pw@Example.com:8080/a%20b/c?x=1&y=2&x=3#top')";
        let rows = [
            (format!("(u => [u.protocol, u.auth, u.username, u.password, u.host, u.hostname, u.port, u.origin].join(' '))({FULL})"),
             "http: me:pw me pw example.com:8080 example.com 8080 http://example.com:8080"),
            (format!("(u => [u.path, u.pathname, u.search, u.query, u.hash].join(' '))({FULL})"),
             "/a%20b/c?x=1&y=2&x=3 /a%20b/c ?x=1&y=2&x=3 x=1&y=2&x=3 #top"),
            (format!("{FULL}.href"), "http://me:pw@example.com:8080/a%20b/c?x=1&y=2&x=3#top"),
            (format!("JSON.stringify({FULL}.searchParams.toObject())"), r#"{"x":["1","3"],"y":"2"}"#),
            ("(u => [u.port, u.path, u.search, u.hash, u.auth].join('|'))(new URL('https://a'))".to_owned(), "|/|||"),
            ("new URL('../x', 'http://a/b/c/d').href".to_owned(), "http://a/b/x"),
            ("invoke(() => new URL('no url'), () => 'throws')".to_owned(), "throws"),
            ("URL.encode('a b/ü?') + ' ' + URL.encodeComponent('a b/')".to_owned(), "a%20b/%C3%BC? a%20b%2F"),
            ("URL.decode('%41%20') + URL.decodeComponent('%2F')".to_owned(), "A /"),
            ("(p => [p.get('a'), p.get('b'), p.get('c'), p.getAll('a').length].join('|'))(new URLSearchParams('?a=1+2&b=%41&a=3'))".to_owned(), "1+2|A||2"),
            ("new URLSearchParams('x').get('y') === null".to_owned(), "true"),
            ("new URLSearchParams({ a: 'b c', d: ['1', '2'] })".to_owned(), "a=b%20c&d=1&d=2"),
            ("(p => (p.set('a', 9), p.set('n', 'x'), p.toString()))(new URLSearchParams('a=1&b=2&a=3'))".to_owned(), "a=9&b=2&n=x"),
        ];
        let list: Vec<String> = rows
            .iter()
            .map(|(expression, _)| format!("() => {expression}"))
            .collect();
        let script = format!(
            "((all => pipy().listen(PORT).replaceData(d => d.size > 0 ? new Data('' + all[+d.toString()]()) : null))([{}]))",
            list.join(",\n")
        );
        let served = serve(&script).await;
        for (index, (expression, expected)) in rows.iter().enumerate() {
            let got = exchange(served.port, index.to_string().as_bytes()).await;
            assert_eq!(String::from_utf8_lossy(&got), *expected, "{expression}");
        }
    }
}
