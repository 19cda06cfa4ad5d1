// filters.md 3: at each SE of the child calls fn(se); truthy (after the Promise) starts a fresh child with all kept input;
// falsy passes the SE.
pipy({ _n: 0 })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .repeat(se => new Timeout(0.01).wait().then(() => ++_n < 3)).to(
    $ => $.replaceData(d => new Data(_n + '' + d))
  )
