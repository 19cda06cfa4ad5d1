// `logging.TextLogger`, `JSONLogger`, `BinaryLogger`. Source: pipyjs/globals.md section 9. What they do is Rust's
// (logging.rs); here their methods become bound and chainable.
({ open }) => {
  const TARGETS = ['toStdout', 'toStderr', 'toFile', 'toSyslog', 'toHTTP']
  const setUp = (self, format, name) => {
    if (typeof name !== 'string' || name === '') throw new TypeError('argument 1 expects a name')
    const logger = open(format, name)
    self.log = logger.log
    for (const target of TARGETS) {
      self[target] = (...args) => {
        logger[target](...args)
        return self
      }
    }
  }
  return {
    logging: {
      TextLogger: class TextLogger { constructor(name) { setUp(this, 'text', name) } },
      JSONLogger: class JSONLogger { constructor(name) { setUp(this, 'json', name) } },
      BinaryLogger: class BinaryLogger { constructor(name) { setUp(this, 'binary', name) } },
    },
  }
}
