pipy({
  _file: null,
})

.import({
  __turnDown: 'proxy',
  __serviceID: 'router',
})

.pipeline('request')
  .handleMessageStart(
    msg => (
      __serviceID === 'static' && (
        _file = http.File.from(msg.head.path.split('?')[0]),
        __turnDown = Boolean(_file)
      )
    )
  )
  .link(
    'serve', () => Boolean(_file),
    'bypass'
  )

.pipeline('serve')
  .replaceMessage(
    msg => _file.toMessage(msg.head.headers['accept-encoding'])
  )

.pipeline('bypass')
