pipy().pipeline('down').replaceData(d => new Data(d + '>b')).pipeline('up').replaceData(d => new Data(d + '<b'))
