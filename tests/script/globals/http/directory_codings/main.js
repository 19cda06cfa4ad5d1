// globals.md 8: http.Directory: siblings .gz and .br are sent by accept-encoding. RFC 9110 12.5.3: the coding with the highest weight;
// 0 is a refusal, `*` is any other. Where both are liked as much, br, which is shorter. The files hold their names, packed they are not.
pipy({ _files: new http.Directory('/www') })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $.replaceMessage(msg => _files.serve(msg) ?? new Message({ status: 404 })))
