// model.md 1.5.2: chain([files]) starts the entrance of the first; chain() continues; after the last it passes events through; the rest travels to sub-pipelines.
((config = JSON.decode(pipy.load('config.json'))) => pipy({ _log: '' })
  .export('main', { __log: '' })
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .chain(config.plugins)
  .replaceStreamEnd(e => [new Data(__log), e])
)()
