// filters.md 3: or a function called per byte (number) returning truthy at boundaries.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .split(byte => byte < 48)
  .replaceMessage(msg => new Data('<' + msg.body + '>'))
