pipy({
  _config: JSON.decode(pipy.load('config.json')),
})

.pipeline('request')
  .replaceMessage(
    msg => new Message(
      { headers: { 'x-pod': _config.name } },
      _config.tags.map(t => `#${t}`).join(' ') + '\n'
    )
  )
