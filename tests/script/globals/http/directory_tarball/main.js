// globals.md 8: http.Directory(path, { tarball = false, index = ['index.html'] }): the files of an archive, here `tar -cz ./index.html ./app`.
pipy({ _site: new http.Directory('/site.tar.gz', { tarball: true }) })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .demuxHTTP().to($ => $.replaceMessage(msg => _site.serve(msg) ?? new Message({ status: 404 })))
