// Serves the files of www/ on port 8080; what is not there is a 404.
pipy()
  .listen(8080)
  .serveHTTP(
    req => (
      (file => (
        file
          ? file.toMessage(req.head.headers['accept-encoding'])
          : new Message({ status: 404, headers: { 'content-type': 'text/plain' } }, 'not found\n')
      ))(http.File.from('/www' + req.head.path.split('?')[0]))
    )
  )
