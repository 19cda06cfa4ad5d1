// globals.md 5: new IPEndpoint('ip:port' | ip, port): ip, port, usable as a connect target.
pipy()
  .listen('127.0.0.1:' + os.env.CASE_PORT)
  .connect(() => new IPEndpoint('127.0.0.1', +os.env.CASE_PORT2))
  .listen('127.0.0.1:' + os.env.CASE_PORT2)
  .replaceData(data => new Data(`${new IPEndpoint('[::1]:80').ip} ${new IPEndpoint('1.2.3.4:80').port} ${data}`))
