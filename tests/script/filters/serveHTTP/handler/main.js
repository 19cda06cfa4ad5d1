// http.md 4: serveHTTP calls fn(reqMessage) and sends the Message it returns.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .serveHTTP(req => new Message({ status: 201 }, req.head.method + ' ' + req.body))
