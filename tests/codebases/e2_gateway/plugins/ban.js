((
  makeMatcher = list => (
    (masks => ip => masks.some(m => m.contains(ip)))((list || []).map(l => new Netmask(l)))
  ),
  cache = new algo.Cache(
    route => route?.ban && {
      white: route.ban.white && makeMatcher(route.ban.white),
      black: route.ban.black && makeMatcher(route.ban.black),
    }
  ),
) => pipy({ _ban: null })

.import({ __route: 'main' })

.pipeline()
.onStart(() => void (_ban = cache.get(__route)))
.branch(
  () => _ban?.white && !_ban.white(__inbound.remoteAddress) || _ban?.black?.(__inbound.remoteAddress), (
    $=>$.replaceMessage([
      new MessageStart({ status: 403 }),
      new Data('Forbidden'),
      new MessageEnd,
      new StreamEnd,
    ])
  ), (
    $=>$.chain()
  )
)

)()
