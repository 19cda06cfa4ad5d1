// filters.md 3: merges messages into one with the head of the first; body = prefix + bodies joined by separator + postfix.
// Output happens when batchSize messages are in; and at SE, which then passes. 0 disables timeout or interval.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .split('\n')
  .pack(2, { timeout: 0, interval: 0, prefix: '[', separator: ',', postfix: ']' })
