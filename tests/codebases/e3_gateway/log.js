var { log } = new logging.JSONLogger('gateway').toStdout()

function write(level, message, fields) {
  log({ level, message, ...fields })
}

export var info = (message, fields) => write('info', message, fields)
export var failure = (message, fields) => write('error', message, fields)

export function access(record) {
  log({ type: 'access', ...record })
}
