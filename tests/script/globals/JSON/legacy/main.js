// globals.md 2, superset (E1): text that is not JSON gives undefined; a code base is E1 when it uses a task without onStart.
pipy()
  .task()
  .handleMessageStart(() => println(JSON.decode(new Data('<html>')) === undefined))
  .replaceMessage(() => new StreamEnd)
