// pipyjs/model.md section 3: listen(addr, proto?, options?, builder | template); 1.5.3: a top level var $x is per context.
import { greet } from './lib/greet.js'

var $name

pipy.listen('127.0.0.1:' + os.env.CASE_PORT, 'tcp', { idleTimeout: 5 }, $ => $
  .demuxHTTP().to($ => $
    .handleMessageStart(msg => { $name = msg.head.path.substring(1) })
    .replaceMessage(() => new Message(greet($name)))
  )
)
