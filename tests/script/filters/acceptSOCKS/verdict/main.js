// filters.md 6: acceptSOCKS calls fn({ id, ip, domain, port }); truthy: success reply, then bytes flow through the child.
pipy({ _request: null })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .acceptSOCKS(request => (_request = request, request.port === 80)).to(
    $ => $.replaceStreamStart(e => [new Data(`${_request.id} to ${_request.ip}:${_request.port}, `), e])
  )
