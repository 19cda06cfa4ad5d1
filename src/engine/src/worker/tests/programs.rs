//! Whole programs of dialect E3, as its users write them: an HTTP server with a router, a proxy that chooses pipelines by
//! name, a program of the command line. Source: pipyjs/model.md 1.5.3, 1.5.4, section 3; usage.md section 6.

use crate::worker::testing::{DEADLINE, codebase, exchange, free_port, try_serve};
use crate::worker::{Engine, Notice, Options};

const SERVER: &[(&str, &str)] = &[
    (
        "/main.js",
        "#!/usr/bin/env -S ballast run
        import router from './router.js'
        import * as api from './api.js'

        var $client
        var $started = 0

        var routes = router({
          'GET /items': api.list,
          'POST /items/{id}': api.put,
          'GET /items/{id}': api.get,
          'DELETE /items/{id}': api.remove,
        })

        pipy.listen('127.0.0.1:PORT', { idleTimeout: 10 }, $ => $
          .onStart(c => { $client = c.remoteAddress })
          .demuxHTTP().to($ => $
            .handleMessageStart(() => { $started = 1 })
            .replaceMessage(req => (
              routes(req).then(res => {
                res.head = { ...res.head, headers: { 'x-client': $client + '/' + $started } }
                return res
              })
            ))
          )
        )
        ",
    ),
    (
        "/router.js",
        "export default function (table) {
          var routes = Object.entries(table).map(([key, handler]) => {
            var parts = key.split(' ')
            return { method: parts[0], path: parts[1].split('/'), handler }
          })
          return function (req) {
            var path = req.head.path.split('/')
            for (var i = 0; i < routes.length; i++) {
              var route = routes[i]
              var params = {}
              if (route.method === req.head.method && match(route.path, path, params)) {
                try {
                  return Promise.resolve(route.handler(params, req))
                } catch (e) {
                  return Promise.resolve(new Message({ status: 500 }, e.message))
                }
              }
            }
            return Promise.resolve(new Message({ status: 404 }, 'no route'))
          }
        }

        function match(pattern, path, params) {
          if (pattern.length != path.length) return false
          return pattern.every((part, i) => {
            if (part.startsWith('{')) {
              params[part.slice(1, -1)] = path[i]
              return true
            }
            return part === path[i]
          })
        }
        ",
    ),
    (
        "/api.js",
        "import { items, later } from './store.js'

        export function list() { return later(() => new Message(JSON.stringify(Object.keys(items)))) }
        export var get = ({ id }) => later(() => {
          if (!(id in items)) return new Message({ status: 404 }, 'no ' + id)
          return new Message(items[id])
        })
        export { put, remove }

        function put({ id }, req) {
          if (!req.body.size) throw new Error('empty ' + id)
          items[id] = req.body.toString()
          return later(() => new Message({ status: 201 }))
        }

        function remove({ id }) {
          delete items[id]
          return new Message({ status: 204 })
        }
        ",
    ),
    (
        "/store.js",
        "export var items = {}
        export function later(f) { return new Timeout(0.005).wait().then(f) }
        ",
    ),
];

fn status_and_body(response: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(response).into_owned();
    let status = text.split(' ').nth(1).unwrap_or_default().to_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let client = if head.contains("x-client: 127.0.0.1/1") {
        ""
    } else {
        "no client "
    };
    (status, format!("{client}{body}"))
}

#[tokio::test(flavor = "current_thread")]
async fn an_http_server_with_a_router() {
    let served = try_serve(SERVER).await.unwrap_or_else(|error| panic!("{error}"));
    for (request, body, status, expected) in [
        ("GET /items", "", "200", "[]"),
        ("POST /items/a", "one", "201", ""),
        ("POST /items/b", "two", "201", ""),
        ("POST /items/c", "", "500", "empty c"),
        ("GET /items", "", "200", r#"["a","b"]"#),
        ("GET /items/b", "", "200", "two"),
        ("DELETE /items/b", "", "204", ""),
        ("GET /items/b", "", "404", "no b"),
        ("GET /other", "", "404", "no route"),
    ] {
        let text = format!(
            "{request} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = exchange(served.port, text.as_bytes()).await;
        assert_eq!(
            status_and_body(&answer),
            (status.to_owned(), expected.to_owned()),
            "{request}"
        );
    }
}

/// `pipe` chooses by name, `muxHTTP` shares sessions, templates come from another file.
#[tokio::test(flavor = "current_thread")]
async fn a_proxy_that_chooses_pipelines() {
    let main = "
        import { forward, reject } from './pipelines.js'
        import { select } from './targets.js'

        var $target

        pipy.listen(PORT, $ => $
          .demuxHTTP().to($ => $
            .pipe(
              evt => {
                if (evt instanceof MessageStart) {
                  $target = select(evt.head.path)
                  return $target ? 'forward' : 'reject'
                }
              },
              { forward, reject },
              () => [$target]
            )
          )
        )
    ";
    let pipelines = "
        var $target
        export var forward = pipeline($ => $
          .onStart(target => { $target = target })
          .muxHTTP(() => $target).to($ => $.connect(() => $target.address))
        )
        export var reject = $ => $.replaceMessage(() => new Message({ status: 403 }, 'rejected'))
    ";
    let upstream = free_port();
    let targets = format!(
        "var targets = {{ '/a': {{ address: '127.0.0.1:{upstream}' }}, '/b': {{ address: '127.0.0.1:{upstream}' }} }}
        export function select(path) {{ return targets[path] }}
        pipy.listen({upstream}, $ => $.onStart(c => {{ $port = c.remotePort }})
          .demuxHTTP().to($ => $.replaceMessage(req => new Message(req.head.path + ' ' + $port))))
        var $port
        "
    );
    let files = [
        ("/main.js", main),
        ("/pipelines.js", pipelines),
        ("/targets.js", targets.as_str()),
    ];
    let served = try_serve(&files).await.unwrap_or_else(|error| panic!("{error}"));
    let ask = async |path: &str| {
        let text = format!("GET {path} HTTP/1.1\r\nconnection: close\r\n\r\n");
        let answer = exchange(served.port, text.as_bytes()).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        text.split_once("\r\n\r\n")
            .map_or(text.clone(), |(_, body)| body.to_owned())
    };
    let (first, second, other) = (ask("/a").await, ask("/a").await, ask("/b").await);
    assert!(first.starts_with("/a "), "{first}");
    assert_eq!(first, second, "one session a target");
    assert!(
        other.starts_with("/b ") && other[3..] != first[3..],
        "{other} after {first}"
    );
    assert_eq!(ask("/c").await, "rejected");
}

/// A program that works through a list, one request after the other, and ends.
#[tokio::test(flavor = "current_thread")]
async fn a_program_of_the_command_line() {
    let main = "
        import { each } from './each.js'

        var $answer
        var seen = []
        var ask = pipeline($ => $
          .onStart(path => new Message({ path }))
          .encodeHTTPRequest()
          .connect('127.0.0.1:PORT')
          .decodeHTTPResponse()
          .handleMessage(msg => { $answer = msg.head.status + ' ' + msg.body })
          .replaceMessage(() => new StreamEnd)
          .onEnd(() => $answer)
        )

        pipy.listen(PORT, $ => $.serveHTTP(req => (
          req.head.path === '/b' ? new Message({ status: 404 }, 'none') : new Message('is ' + req.head.path)
        )))

        each(['/a', '/b', '/c'], path => ask.spawn(path).then(answer => seen.push(answer)))
          .then(() => {
            if (seen.join(', ') !== '200 is /a, 404 none, 200 is /c') throw new Error(seen.join(', '))
            pipy.exit(3)
          })
          .catch(e => { console.error(e); pipy.exit(4) })
    ";
    let each = "
        export function each(list, f) {
          return list.reduce((done, item) => done.then(() => f(item)), Promise.resolve())
        }
    ";
    let main = main.replace("PORT", &free_port().to_string());
    let files = codebase("1", &[("/main.js", main.as_str()), ("/each.js", each)]);
    let mut engine = Engine::start(files, Options::default())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        tokio::time::timeout(DEADLINE, engine.notice()).await.ok(),
        Some(Notice::Exit(3))
    );
}
