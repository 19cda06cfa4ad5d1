// globals.md 8: http.Directory: a missing path is retried with `/` + each index name; null when missing (then 404).
((
  www = new http.Directory('/www', { contentTypes: { ...http.Directory.defaultContentTypes, txt: 'text/plain; charset=utf-8' } }),
) => pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .serveHTTP(req => www.serve(req) || new Message({ status: 404 }, 'no such file'))
)()
