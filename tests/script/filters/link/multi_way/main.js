// model.md 1.5.2 (E1): link(n1, c1, n2, c2, ..., nDefault): the first truthy condition selects; events buffer while none matches.
pipy({ _word: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .handleData(d => _word = d.toString())
  .link('a', () => _word === 'a', 'b', () => _word === 'b', '')
  .pipeline('a').replaceData(() => new Data('pipeline a'))
  .pipeline('b').replaceData(() => new Data('pipeline b'))
