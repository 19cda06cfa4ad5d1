((
  quotas = new algo.Cache(
    route => new algo.Quota(route.quota, { per: 1, key: `route#${route.service}` })
  ),
) => pipy()

.import({ __route: 'main' })

.pipeline()
.branch(
  () => __route.quota > 0, (
    $=>$.throttleMessageRate(() => quotas.get(__route), { blockInput: false })
  ), (
    $=>$
  )
)
.chain()

)()
