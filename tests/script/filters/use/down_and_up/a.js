pipy().pipeline('down').replaceData(d => new Data(d + '>a')).pipeline('up').replaceData(d => new Data(d + '<a'))
