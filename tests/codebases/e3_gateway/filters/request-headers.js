import { modify } from './modify.js'

export default config => pipeline($ => $
  .handleMessageStart(msg => modify(msg.head, config))
  .pipeNext()
)
