// globals.md 11: new Swap() joins pipelines: what enters one comes out of the others; used by link(() => swap).
((swap = new Swap) =>
  pipy()
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .fork().to(
      $ => $
        .replaceData(d => new Timeout(0.05).wait().then(() => new Data('<' + d + '>')))
        .link(() => swap)
    )
    .replaceStreamEnd()
    .link(() => swap)
)()
