pipy().pipeline().replaceData(d => new Data(d + '.'))
