pipy().import({ __log: 'main' }).pipeline().handleData(() => __log = __log + 'b').chain()
