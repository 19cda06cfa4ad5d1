pipy().import({ __log: 'main' }).pipeline().handleData(() => __log = __log + 'a').link('in').pipeline('in').replaceData(d => new Data('<' + d + '>')).chain()
