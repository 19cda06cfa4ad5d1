((
  rules = new algo.Cache(
    route => route.rewrite && [new RegExp(route.rewrite[0]), route.rewrite[1]]
  ),
) => pipy({ _rule: null })

.import({ __route: 'main' })

.pipeline()
.handleMessageStart(
  msg => (
    (_rule = rules.get(__route)) && (
      msg.head.path = msg.head.path.replace(_rule[0], _rule[1])
    )
  )
)
.chain()

)()
