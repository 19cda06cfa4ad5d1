//! The classes of `algo`, a row for each sentence of pipyjs/globals.md section 6.

use crate::worker::testing::{check_values, exchange, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "current_thread")]
async fn caches() {
    check_values(&[

        ("(c => [c.get('a'), c.get('a')])(new algo.Cache(k => k + 1))", "a1,a1"),
        ("(n => (c => (c.get('a'), c.get('a'), n))(new algo.Cache(() => ++n)))(0)", "1"),
        ("new algo.Cache().get('a')", "undefined"),
        ("(c => [c.find('a'), c.has('a'), c.get('a'), c.has('a')])(new algo.Cache(k => k))", ",false,a,true"),
        ("(c => (c.set('a', 1), [c.get('a'), c.find('a')]))(new algo.Cache(() => 2))", "1,1"),
        ("(c => c.get('k', 1, 2))(new algo.Cache((k, a, b) => k + a + b))", "k12"),
        // Keyed by any value.
        ("((o, c) => (c.set(o, 1), c.set(1, 2), c.set('1', 3), [c.get(o), c.get({}), c.get(1), c.get('1')]))({}, new algo.Cache)", "1,,2,3"),
        // A value that is undefined is a value.
        ("(n => (c => (c.get('a'), c.get('a'), n))(new algo.Cache(() => void n++)))(0)", "1"),
        // remove: whether it existed, free(key, value).
        ("(freed => (c => [c.remove('a'), c.get('a'), c.remove('a'), c.has('a'), freed])(new algo.Cache(() => 7, (k, v) => freed.push(k + v))))([])", "false,7,true,false,a7"),
        ("(freed => (c => (c.set('a', 1), c.set('b', 2), c.clear(), [freed.join(';'), c.has('a')]))(new algo.Cache(null, (k, v) => freed.push(k + v))))([])", "a1;b2,false"),
        // Beyond size the least recently used is freed.
        ("(freed => (c => (c.set('a', 1), c.set('b', 2), c.get('a'), c.set('c', 3), [freed, c.has('a'), c.has('b'), c.has('c')]))(new algo.Cache(null, (k, v) => freed.push(k + v), { size: 2 })))([])", "b2,true,false,true"),
        ("(c => ([1, 2, 3, 4].forEach(n => c.get(n)), [1, 2, 3, 4].map(n => c.has(n))))(new algo.Cache(k => k, null, { size: 3 }))", "false,true,true,true"),
        // has is no use.
        ("(c => (c.set('a', 1), c.set('b', 2), c.has('a'), c.set('c', 3), c.has('a')))(new algo.Cache({ size: 2 }))", "false"),
        ("(c => (c.set('a', 1), c.set('b', 2), c.set('a', 3), c.set('c', 4), [c.find('a'), c.has('b')]))(new algo.Cache({ size: 2 }))", "3,false"),
        // Methods are bound; the class may be called from within alloc and free.
        ("(({ get, set }) => (set('a', 1), get('a')))(new algo.Cache)", "1"),
        ("(c => (c = new algo.Cache(k => k > 0 ? c.get(k - 1) + 1 : 0), c.get(5)))()", "5"),
        ("(c => (c = new algo.Cache(null, k => c.set('x' + k, 1), { size: 1 }), c.set('a', 1), invoke(() => c.remove('a'), e => e), c.has('xa')))()", "true"),
        ("new algo.Cache('x')", "throws argument 1 expects a function"),
        ("new algo.Cache(null, null, { ttl: 'x' })", "throws options.ttl expects a number"),
        ("new algo.Cache({ size: 'x' })", "throws options.size expects a number"),
        // An expired entry is missing, and freed.
        ("(c => (c.set('a', 1), c.has('a')))(new algo.Cache({ ttl: '1m' }))", "true"),
    ])
    .await;
}

/// `ttl` seconds since set: after them the value is made anew; entries that nobody asks for leave as others come.
#[tokio::test(flavor = "current_thread")]
async fn cached_values_expire() {
    let script = "
      ((
        made = { count: 0 }, freed = [],
        cache = new algo.Cache(() => ++made.count, key => freed.push(key), { ttl: 0.05 }),
        wait = () => new Timeout(0.06).wait(),
      ) => pipy().listen(PORT).replaceData(() => (
        cache.get('a'), cache.get('a'), cache.set('b', 1), cache.set('c', 1),
        wait().then(() => (cache.get('a'), wait())).then(() => (
          cache.set('d', 1),
          new Data([made.count, freed.sort().join(''), cache.has('a'), cache.has('d')].join())
        ))
      )))()";
    let served = serve(script).await;
    let got = exchange(served.port, b"x").await;
    assert_eq!(String::from_utf8_lossy(&got), "2,aabc,false,true");
}

#[tokio::test(flavor = "current_thread")]
async fn balancers() {
    check_values(&[
        ("(b => [1, 2, 3, 4].map(() => b.next({}).id).join(''))(new algo.RoundRobinLoadBalancer(['a', 'b', 'c']))", "abca"),
        ("(b => [1, 2, 3, 4, 5, 6].map(() => b.next(new Object).id).join(''))(new algo.RoundRobinLoadBalancer({ a: 1, b: 2 }))", "abbabb"),
        ("(b => [1, 2, 3, 4, 5, 6, 7].map(() => b.select()).join(''))(new algo.RoundRobinLoadBalancer({ a: 1, b: 2, none: 0 }))", "abbabba"),
        // 100 picks by weights that do not add up to a power of two.
        ("(b => (picks => [picks.filter(x => x === 'a').length, picks.filter(x => x === 'b').length])(new Array(100).fill(0).map(() => b.next({}).id)))(new algo.RoundRobinLoadBalancer({ a: 7, b: 3 }))", "70,30"),
        // While the borrower lives the same resource is returned again.
        ("((b, o) => (r => [b.next(o) === r, b.next({}).id, b.next(o) === r])(b.next(o)))(new algo.RoundRobinLoadBalancer(['a', 'b', 'c']), {})", "true,b,true"),
        ("new algo.RoundRobinLoadBalancer([]).next({})", "undefined"),
        ("new algo.RoundRobinLoadBalancer([]).select()", "undefined"),
        // Targets present in the unhealthy cache are skipped, also by who had one of them.
        ("((b, o, bad) => [b.next(o).id, (bad.set('a', true), b.next(o, undefined, bad).id), b.next({}, undefined, bad).id, b.next(o).id])(new algo.RoundRobinLoadBalancer(['a', 'b']), {}, new algo.Cache)", "a,b,b,b"),
        ("((b, bad) => (bad.set('a', 1), bad.set('b', 1), b.next({}, undefined, bad)))(new algo.RoundRobinLoadBalancer(['a', 'b']), new algo.Cache)", "undefined"),
        ("(bad => (b => (bad.set('a', 1), [b.next({}).id, b.next({}).id]))(new algo.RoundRobinLoadBalancer(['a', 'b'], bad)))(new algo.Cache)", "b,b"),
        // Who comes back does not get all that it missed.
        ("((b, bad) => (bad.set('a', 1), new Array(50).fill(0).forEach(() => b.next({}, null, bad)), bad.clear(), [1, 2, 3, 4, 5, 6].map(() => b.next({}).id).join('')))(new algo.RoundRobinLoadBalancer(['a', 'b']), new algo.Cache)", "aababa"),
        ("(b => (new Array(9).fill(0).forEach(() => b.next({})), b.add('c'), [1, 2, 3, 4, 5, 6].map(() => b.next({}).id).sort().join('')))(new algo.RoundRobinLoadBalancer(['a', 'b']))", "aabbcc"),
        // set: what is gone is left, what stays is kept.
        ("((b, o) => (b.next(o), b.set(['b', 'c']), [b.next(o).id, b.next({}).id]))(new algo.RoundRobinLoadBalancer(['a', 'b']), {})", "b,c"),
        ("((b, o) => (r => (b.set({ a: 5, z: 1 }), b.next(o) === r))(b.next(o)))(new algo.RoundRobinLoadBalancer(['a', 'b']), {})", "true"),
        ("(({ next }) => next({}).id)(new algo.RoundRobinLoadBalancer(['a']))", "a"),
        ("new algo.RoundRobinLoadBalancer(1)", "throws argument 1 expects an array or an object"),
        ("new algo.RoundRobinLoadBalancer({ a: 'x' })", "throws weight of target a expects a number"),
        // The lowest of in use / weight.
        ("((b, o) => (o.push({}, {}, {}), o.map(x => b.next(x).id).join('')))(new algo.LeastWorkLoadBalancer({ a: 1, b: 2 }), [])", "abb"),
        ("(b => [b.select(), b.select(), b.select(), (b.deselect('b'), b.select()), (b.deselect('c'), b.select())].join(''))(new algo.LeastWorkLoadBalancer(['a', 'b', 'c']))", "abcbc"),
        ("(b => (b.add('c', 2), [b.select(), b.select(), b.select(), b.select()].sort().join('')))(new algo.LeastWorkLoadBalancer(['a', 'b']))", "abcc"),
        // Same key, same target; every target gets some; a key is stronger than the borrower's habit.
        ("(b => [...new Set([1, 2, 3, 4].map(() => b.next({}, 'key').id))].length)(new algo.HashingLoadBalancer(['a', 'b', 'c']))", "1"),
        ("(b => [...new Set(new Array(100).fill(0).map((_, i) => b.select('key' + i)))].sort())(new algo.HashingLoadBalancer(['a', 'b', 'c']))", "a,b,c"),
        ("((b, o) => new Array(50).fill(0).every((_, i) => b.next(o, i).id === b.next({}, i).id))(new algo.HashingLoadBalancer(['a', 'b', 'c']), {})", "true"),
        ("new algo.HashingLoadBalancer(['a', 'b']).next({}).id", "a"),
        ("(bad => (bad.set('a', 1), new algo.HashingLoadBalancer(['a', 'b']).next({}, undefined, bad).id))(new algo.Cache)", "b"),
        ("(n => n > 600 && n < 900)((b => new Array(1000).fill(0).filter((_, i) => b.select(i) === 'b').length)(new algo.HashingLoadBalancer({ a: 1, b: 3 })))", "true"),
    ])
    .await;
}

/// The borrower defaults to the inbound: each connection keeps its target. Borrowers that have gone are no work.
#[tokio::test(flavor = "current_thread")]
async fn connections_borrow() {
    for (class, expected) in [
        ("RoundRobinLoadBalancer", ["a", "b", "a"]),
        ("LeastWorkLoadBalancer", ["a", "b", "a"]),
    ] {
        let script = format!(
            "((b = new algo.{class}(['a', 'b'])) =>
            pipy().listen(PORT).replaceData(() => new Data(b.next().id + b.next().id)))()"
        );
        let served = serve(&script).await;
        let ask = async |stream: &mut TcpStream| {
            stream.write_all(b"?").await.expect("connected");
            let mut got = [0; 2];
            stream.read_exact(&mut got).await.expect("an answer");
            String::from_utf8_lossy(&got).into_owned()
        };
        let connect = async || {
            TcpStream::connect(("127.0.0.1", served.port))
                .await
                .expect("it listens")
        };
        let (mut first, mut second) = (connect().await, connect().await);
        assert_eq!(ask(&mut first).await, expected[0].repeat(2), "{class}");
        assert_eq!(ask(&mut second).await, expected[1].repeat(2), "{class}");
        assert_eq!(ask(&mut first).await, expected[0].repeat(2), "{class}");
        // The end of the stream was answered: the connection is gone.
        first.shutdown().await.expect("connected");
        assert_eq!(first.read(&mut [0]).await.expect("an end"), 0);
        let mut third = connect().await;
        assert_eq!(ask(&mut third).await, expected[2].repeat(2), "{class}");
    }
}

/// Least work: while the first target is in use, the other one takes all that come and go.
#[tokio::test(flavor = "current_thread")]
async fn work_that_ends_is_counted() {
    let script = "
      ((b = new algo.LeastWorkLoadBalancer(['a', 'b']), held = {}) =>
      pipy().listen(PORT).replaceData(() => new Data(b.next(held).id + b.next({}).id)))()";
    let served = serve(script).await;
    for _ in 0..4 {
        let got = exchange(served.port, b"x").await;
        assert_eq!(String::from_utf8_lossy(&got), "ab");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn load_balancers_of_e3() {
    check_values(&[
        ("new algo.LoadBalancer(['a', 'b']).schedule(5).join('')", "ababa"),
        ("new algo.LoadBalancer([{ n: 'a', w: 1 }, { n: 'b', w: 2 }], { weight: t => t.w }).schedule(6).map(t => t.n).join('')", "abbabb"),
        ("new algo.LoadBalancer([]).schedule(3).length", "0"),
        ("new algo.LoadBalancer().allocate()", "null"),
        ("(b => [b.allocate().target, b.allocate().target, b.allocate().target].join(''))(new algo.LoadBalancer(['a', 'b']))", "aba"),
        // With a key the target of that identity, if it passes; else the least loaded one.
        ("(b => b.allocate('b').target.n)(new algo.LoadBalancer([{ n: 'a' }, { n: 'b' }], { key: t => t.n }))", "b"),
        ("(b => b.allocate('b', t => t.n !== 'b').target.n)(new algo.LoadBalancer([{ n: 'a' }, { n: 'b' }], { key: t => t.n }))", "a"),
        ("(b => (b.allocate('a'), b.allocate('z').target))(new algo.LoadBalancer(['a', 'b']))", "b"),
        ("new algo.LoadBalancer(['a']).allocate(undefined, () => false)", "null"),
        // Capacity.
        ("(b => [b.allocate().target, b.allocate(), b.allocate('a')])(new algo.LoadBalancer(['a'], { capacity: () => 1 }))", "a,,"),
        ("(b => (x => (x.free(), x.free(), b.allocate().target))(b.allocate()))(new algo.LoadBalancer(['a'], { capacity: () => 1 }))", "a"),
        // Freed load is no load.
        ("(b => (x => (b.allocate(), x.free(), b.allocate().target))(b.allocate()))(new algo.LoadBalancer(['a', 'b'], { algorithm: 'least-load' }))", "a"),
        ("(b => (b.allocate(), b.provision(['a', 'b']), b.allocate().target))(new algo.LoadBalancer(['a'], { algorithm: 'least-load' }))", "b"),
        ("new algo.LoadBalancer([], { algorithm: 'best' })", "throws options.algorithm expects 'round-robin' or 'least-load', not best"),
        ("new algo.LoadBalancer([1], { weight: () => 'x' })", "throws weight of a target expects a number"),
    ])
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn pools_routers_percentiles() {
    check_values(&[
        ("(n => (p => (a => (b => (p.free(a), [a.n, b.n, p.allocate('x') === a, p.allocate('y').n]))(p.allocate('x')))(p.allocate('x')))(new algo.ResourcePool(key => ({ n: key + ++n }))))(0)", "x1,x2,true,y3"),
        ("(p => ((a, b) => (p.free(a), p.free(b), p.allocate(0, 'a') === a))(p.allocate(0, 'a'), p.allocate(0, 'b')))(new algo.ResourcePool(() => ({})))", "true"),
        ("(p => (a => (p.free(a), p.free(a), p.allocate(0) === p.allocate(0)))(p.allocate(0)))(new algo.ResourcePool(() => ({})))", "false"),
        // Paths, with a wildcard also without it.
        ("(r => [r.find('/a'), r.find('/a/b'), r.find('/b'), r.find('h', '/a')])(new algo.URLRouter({ '/a': 1 }))", "1,,,1"),
        ("(r => [r.find('/a'), r.find('/a/'), r.find('/a/b/c'), r.find('/ab')])(new algo.URLRouter({ '/a/*': 1 }))", "1,1,1,"),
        ("(r => [r.find('/'), r.find('h/x')])(new algo.URLRouter({ '/*': 1 }))", "1,1"),
        // Longest path.
        ("(r => [r.find('/a/b/c'), r.find('/a/x'), r.find('/a/b')])(new algo.URLRouter({ '/a/*': 1, '/a/b/*': 2, '/a/b': 3 }))", "2,1,3"),
        // Hosts: exact, then the longest suffix, then none. Port and query are ignored.
        ("(r => [r.find('a.b.c', '/x'), r.find('z.b.c', '/x'), r.find('z.c', '/x'), r.find('c', '/x')])(new algo.URLRouter({ 'a.b.c/*': 1, '*.b.c/*': 2, '*.c/*': 3, '/*': 4 }))", "1,2,3,4"),
        ("(r => [r.find('H.com:8080', '/x?y=/z'), r.find('h.com/x#f'), r.find('http://h.com/x')])(new algo.URLRouter({ 'h.com/x': 1 }))", "1,1,1"),
        // A host without the path does not hide what holds for all.
        ("(r => r.find('h', '/y'))(new algo.URLRouter({ 'h/x': 1, '/y': 2 }))", "2"),
        ("(r => (r.add('/a', 1), r.add('/a', 2), r.find('/a')))(new algo.URLRouter)", "2"),
        ("new algo.URLRouter({}).find('/a')", "undefined"),
        // 10 values in (0, 10], 10 in (10, 20]: half of them are below 10, three quarters below 15.
        ("(p => (new Array(10).fill(0).forEach(() => (p.observe(5), p.observe(15))), [p.calculate(50), p.calculate(75), p.calculate(100)]))(new algo.Percentile([10, 20, Infinity]))", "10,15,20"),
        ("(p => (p.observe(1000), [p.calculate(99), (p.reset(), p.calculate(99))]))(new algo.Percentile([10, 20, Infinity]))", "20,0"),
        ("new algo.Percentile([2, 1])", "throws buckets are not in ascending order"),
        ("new algo.Percentile('x')", "throws argument 1 expects an array of buckets"),
    ])
    .await;
}
