// filters.md 3: swap joins a pipeline.Hub: input is broadcast to the other members, what others broadcast is output. While
// the hub has one member, broadcasts are lost.
((hub = new pipeline.Hub) =>
  pipy()
    .listen('127.0.0.1:' + os.env.CASE_PORT)
    .fork().to($ => $.replaceData(d => new Timeout(0.05).wait().then(() => new Data('<' + d + '>'))).swap(hub))
    .replaceStreamEnd()
    .swap(() => hub)
)()
