// model.md 1.4: the session pipeline of a mux is started with the session key; the versions of HTTP make no difference.
var answers = 0
var keys = []
function ask(key, options) {
  return pipeline($ => $
    .onStart(() => new Message({ path: '/' }))
    .muxHTTP(() => key, options).to($ => $
      .onStart(started => { keys.push(started === key); return new Data })
      .replaceData(() => new StreamEnd('ConnectionRefused'))
    )
    .handleMessageStart(() => { answers++ })
    .replaceMessage(() => new StreamEnd)
  ).spawn()
}
var target = { id: 'an object' }
ask('text')
  .then(() => ask(target))
  .then(() => ask(7))
  .then(() => ask('two', { version: 2 }))
  .then(() => ask('asked', { version: () => Promise.resolve(1) }))
  .then(() => println(answers, keys.join()))
