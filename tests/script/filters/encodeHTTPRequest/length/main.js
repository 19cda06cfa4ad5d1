// http.md 3: requests carry content-length only if the body is not empty or the method is POST, PUT or PATCH.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .replaceData(() => [new Message({ path: '/a' }), new Message({ method: 'POST', path: '/b' })]).encodeHTTPRequest()
