import { modify } from './modify.js'

export default config => pipeline($ => $
  .pipeNext()
  .handleMessageStart(msg => { modify(msg.head, config) })
)
