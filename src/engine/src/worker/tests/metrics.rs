//! Metrics and maps of scripts over threads and versions. Source: pipyjs/globals.md sections 6 and 10, repo.md 1.1.

use crate::series::{Metric, Series};
use crate::worker::testing::{check_values, codebase, exchange, free_port, serve};
use crate::worker::{Engine, Options};

#[tokio::test(flavor = "current_thread")]
async fn metrics_in_scripts() {
    check_values(&[
        ("(c => (c.increase(), c.increase(4), c.value))(new stats.Counter('a'))", "5"),
        ("(c => (c.increase(), c.zero(), c.value))(new stats.Counter('a'))", "0"),
        ("(g => (g.increase(5), g.decrease(), g.decrease(2), [g.value, (g.set(9), g.value)]))(new stats.Gauge('a'))", "2,9"),
        // Parent and children are independent values.
        ("(c => (c.withLabels('x', 'y').increase(), [c.value, c.withLabels('x').value, c.withLabels('x', 'y').value]))(new stats.Counter('a', ['l', 'm']))", "0,0,1"),
        ("(c => c.withLabels('x').withLabels('y') === c.withLabels('x', 'y', 'beyond'))(new stats.Counter('a', ['l', 'm']))", "true"),
        ("(c => (c.withLabels(1).increase(), c.withLabels('1').value))(new stats.Counter('a', ['l']))", "1"),
        ("(c => (c.withLabels('x'), c.withLabels('y'), [c.submetrics().map(m => m.label), (c.clear(), c.submetrics().length)]))(new stats.Gauge('a', ['l']))", "x,y,0"),
        ("(c => [c.name, c.type, c.dimensions, c.label === '', c.withLabels('x').label, c.withLabels('x').type])(new stats.Counter('a', ['l', 'm']))", "a,Counter,l,m,true,x,Counter"),
        ("[new stats.Gauge('a').type, new stats.Histogram('a', [1]).type]", "Gauge,Histogram"),
        // Counts by bucket, not cumulative, then count and sum.
        ("(h => ([1, 10, 11, 500].forEach(n => h.observe(n)), h.value))(new stats.Histogram('h', [10, 100, Infinity]))", "2,1,1,4,522"),
        ("(h => (h.observe(5), h.zero(), h.value))(new stats.Histogram('h', [10, Infinity]))", "0,0,0,0"),
        ("(h => (new Array(10).fill(0).forEach(() => (h.observe(5), h.observe(15))), [h.percentile(50), h.percentile(75)]))(new stats.Histogram('h', [10, 20, Infinity]))", "10,15"),
        ("(h => (h.withLabels('x').observe(5), [h.value[0], h.withLabels('x').value[0]]))(new stats.Histogram('h', [10], ['l']))", "0,1"),
        // Methods are bound.
        ("(c => (({ increase }) => (increase(), c.value))(c))(new stats.Counter('a'))", "1"),
        ("new stats.Counter('a') instanceof stats.Counter", "true"),
        ("new stats.Counter()", "throws argument 1 expects a name"),
        ("new stats.Counter('a', 'l')", "throws argument 2 expects an array of label names"),
        ("new stats.Histogram('h')", "throws argument 2 expects an array of buckets"),
        ("new stats.Histogram('h', [2, 1])", "throws buckets are not in ascending order"),
        ("new stats.Counter('a').increase('x')", "throws argument 1 expects a number"),
    ])
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn shared_maps() {
    let name = "shared_maps";
    check_values(&[
        (&format!("(m => (m.clear(), m.set('a', 1), [m.get('a'), m.has('a'), m.has('b'), m.get('b'), m.size]))(new algo.SharedMap('{name}'))"), "1,true,false,,1"),
        (&format!("new algo.SharedMap('{name}').get('a')"), "1"),
        (&format!("(m => [m.add('n', 2), m.add('n', 3), m.sub('n', 1), m.get('n')])(new algo.SharedMap('{name}'))"), "2,5,4,4"),
        (&format!("(m => [m.delete('a'), m.delete('a'), m.has('a')])(new algo.SharedMap('{name}'))"), "true,false,false"),
        (&format!("(({{ set, get }}) => (set('t', 'text'), set('u', null), set('v', true), [get('t'), get('u') === null, get('v') === true]))(new algo.SharedMap('{name}'))"), "text,true,true"),
        (&format!("new algo.SharedMap('{name}').set('o', {{}})"), "throws argument 2 expects a primitive value"),
        (&format!("(m => (m.clear(), m.size))(new algo.SharedMap('{name}'))"), "0"),
        (&format!("new algo.SharedMap('{name}').set('big', 'x'.repeat(9 * 1024 * 1024))"), "throws a shared map takes no more than 8388608 bytes, and all together 16777216"),
        ("new algo.SharedMap()", "throws argument 1 expects a name"),
    ])
    .await;
}

fn find<'a>(metrics: &'a [Metric], name: &str) -> Option<&'a Series> {
    metrics
        .iter()
        .find(|metric| metric.name == name)
        .map(|metric| &metric.root)
}

fn value(metrics: &[Metric], name: &str) -> Option<f64> {
    find(metrics, name).and_then(|root| root.values.first().copied())
}

/// Both threads add to one map and to a counter each; `stats.sum` and the engine see both counters.
#[tokio::test(flavor = "current_thread")]
async fn two_threads() {
    let port = free_port();
    let script = format!(
        "((
          shared = new algo.SharedMap('two_threads'),
          runs = new stats.Counter('runs', ['thread']),
          last = new stats.Gauge('last', null, gauge => gauge.set(7)),
        ) => pipy()
          .listen({port})
          .replaceData(() => shared.get('ready') !== 2 ? new Data('wait') : stats.sum(['runs']).then(sums => new Data([
            shared.get('n'),
            Object.keys(sums),
            sums.runs.value,
            sums.runs.withLabels('0').value,
            sums.runs.withLabels('1').value,
          ].join(' '))))
          .task()
          .onStart(() => (
            new Array(10000).fill(0).forEach(() => shared.add('n', 1)),
            runs.increase(10),
            runs.withLabels(pipy.thread.id).increase(),
            shared.add('ready', 1),
            new StreamEnd
          )))()"
    );
    let options = Options {
        threads: 2,
        reuse_port: true,
        ..Options::default()
    };
    let engine = Engine::start(codebase("1", &[("/main.js", &script)]), options).await;
    let engine = engine.expect("it loads");
    let deadline = tokio::time::Instant::now() + crate::worker::testing::DEADLINE;
    let mut got = b"wait".to_vec();
    while got == b"wait" {
        assert!(tokio::time::Instant::now() < deadline, "the tasks do not run");
        got = exchange(port, b"x").await;
    }
    assert_eq!(String::from_utf8_lossy(&got), "20000 runs 20 1 1");
    let metrics = engine.collector().collect().await;
    assert_eq!(value(&metrics, "runs"), Some(20.0));
    // onCollect runs before each report, on both threads.
    assert_eq!(value(&metrics, "last"), Some(14.0));
    // Built-in ones, by listener: what came and went so far.
    let received = find(&metrics, "pipy_inbound_in").expect("built in");
    let labels: Vec<(&str, f64)> = received
        .children
        .iter()
        .map(|of| (of.label.as_str(), of.values[0]))
        .collect();
    assert_eq!(labels, [(format!("0.0.0.0:{port}").as_str(), received.values[0])]);
    assert!(received.values[0] >= 1.0);
}

/// globals.md 10: after a reload metrics created by the script start again at zero; names that the new version does not
/// create stay exported with their last values.
#[tokio::test(flavor = "current_thread")]
async fn metrics_of_versions() {
    let mut served = serve(
        "((both = new stats.Counter('both'), gone = new stats.Counter('gone')) =>
        pipy().listen(PORT).replaceData(() => (both.increase(), gone.increase(), new Data('old'))))()",
    )
    .await;
    exchange(served.port, b"x").await;
    let seen = async |engine: &Engine| {
        let metrics = engine.collector().collect().await;
        ["both", "gone", "new"].map(|name| value(&metrics, name))
    };
    assert_eq!(seen(&served.engine).await, [Some(1.0), Some(1.0), None]);
    let next = "((both = new stats.Counter('both'), fresh = new stats.Gauge('new')) => pipy().listen(PORT).dummy())()";
    let next = next.replace("PORT", &served.port.to_string());
    served
        .engine
        .reload(codebase("2", &[("/main.js", &next)]))
        .await
        .expect("it loads");
    assert_eq!(seen(&served.engine).await, [Some(0.0), Some(1.0), Some(0.0)]);
}
