pipy({ _ok: false })
.import({ __params: 'mixed' })
.pipeline()
.handleMessageStart(msg => _ok = msg.head.headers['authorization'] === `Bearer ${__params.token}`)
.branch(
  () => _ok, $ => $.use('plugins/hello.js'),
  $ => $.replaceMessage(new Message({ status: 401 }, 'token'))
)
