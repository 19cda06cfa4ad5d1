((
  site = new http.Directory('/www/', { index: ['index.html', 'index.htm'] }),
) => pipy()

.import({ __route: 'main' })

.pipeline()
.branch(
  () => __route.service === 'site', (
    $=>$
    .handleMessageStart(msg => msg.head.path = msg.head.path.substring(5) || '/')
    .replaceMessage(
      msg => site.serve(msg) || new Message({ status: 404 }, 'No such file')
    )
  ), (
    $=>$.chain()
  )
)

)()
